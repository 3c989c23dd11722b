variable "name" {
  description = "The role's name."
  type        = string
}

variable "description" {
  description = "What the role lets Scheduler do."
  type        = string
}

variable "policy" {
  description = "What it may do, as JSON."
  type        = string
}

variable "permissions_boundary_arn" {
  description = "The role's permissions boundary; null for none."
  type        = string
  default     = null
}
