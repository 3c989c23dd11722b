variable "account" {
  description = "The account of the deployment."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account))
    error_message = "account must be a 12-digit account id: aws sts get-caller-identity --query Account."
  }
}

variable "partition" {
  description = "The partition of the region."
  type        = string
  default     = "aws"

  validation {
    condition     = contains(["aws", "aws-cn", "aws-us-gov"], var.partition)
    error_message = "partition must be aws, aws-cn or aws-us-gov."
  }
}

variable "name" {
  description = "Prefix of all names: `name` of environments/aws, or `name-environment` for one of its environments only."
  type        = string
  default     = "headwater"

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])*$", var.name))
    error_message = "name must have lower-case letters, digits and single hyphens, and begin with a letter."
  }
}

variable "state_bucket" {
  description = "The bucket of Terraform's state; null is the one that environments/bootstrap makes."
  type        = string
  default     = null
}

variable "state_prefix" {
  description = "Prefix of the keys of the states in that bucket."
  type        = string
  default     = "headwater/"
}

variable "plan_reads_secrets" {
  description = "Whether whoever only plans may read the values of the deployment's secrets. AWS's schema of a secret says that Cloud Control reads them to describe one; nobody has tried whether it does. Set it if a plan is refused secretsmanager:GetSecretValue."
  type        = bool
  default     = false
}
