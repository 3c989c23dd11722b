# What environments/bootstrap is told in the same words: it links to this file.

variable "region" {
  description = "The region that is deployed to. Each region has a state bucket of its own."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "region is a region's name, such as eu-central-1."
  }
}

variable "permissions_boundary_arn" {
  description = "The boundary that every role of a deployment must have: `permissions_boundary_arn` of environments/aws. Without it, whoever may apply may give any permission to a role, and so has all permissions of the account."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null ? true : can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=,.@_/-]+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn is arn:aws:iam::ACCOUNT:policy/NAME."
  }
}
