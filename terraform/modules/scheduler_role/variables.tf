variable "name" {
  description = "The role's name."
  type        = string
}

variable "description" {
  description = "Description of the role."
  type        = string
}

variable "policy" {
  description = "The role's policy, as JSON."
  type        = string
}

variable "permissions_boundary_arn" {
  description = "The role's permissions boundary; null for none."
  type        = string
  default     = null
}
