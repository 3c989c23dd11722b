# Variables that the deployer shares with environments/bootstrap, which links to this file.

variable "region" {
  description = "The region of the deployment. Each region has its own state bucket."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "region must be the name of a region, such as eu-central-1."
  }
}

variable "permissions_boundary_arn" {
  description = "The boundary that every role of a deployment must have: `permissions_boundary_arn` of environments/aws. Without it, a user who may apply can grant any permission to a role, and so has all permissions in the account."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null ? true : can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=,.@_/-]+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must have the form arn:aws:iam::ACCOUNT:policy/NAME."
  }
}
