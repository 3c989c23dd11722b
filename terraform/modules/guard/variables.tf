variable "data" {
  description = "Names of parts that hold data, such as kafka. Removing a name (for example, because an existing cluster replaces it) is refused like a destroy."
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.data : can(regex("^[a-z]+$", name))])
    error_message = "Names in data must have lower-case letters only, because they are part of a command."
  }
}

variable "allow_destroy" {
  description = "Whether data may be destroyed. Takes effect after it was applied."
  type        = bool
  default     = false
}
