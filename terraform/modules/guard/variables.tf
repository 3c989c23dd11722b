variable "data" {
  description = "What holds data, such as kafka. A name that is taken away (because the cluster becomes one of somebody else's) is refused like a destroy."
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.data : can(regex("^[a-z]+$", name))])
    error_message = "A name in data has lower-case letters only: it is part of a command."
  }
}

variable "allow_destroy" {
  description = "Whether data may be destroyed. Takes effect once it has been applied."
  type        = bool
  default     = false
}
