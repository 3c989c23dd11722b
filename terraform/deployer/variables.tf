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
  description = "Prefix of all names: `name` of environments/aws, or `name-environment` to cover only one environment."
  type        = string
  default     = "headwater"

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])*$", var.name))
    error_message = "name must have lower-case letters, digits and single hyphens, and begin with a letter."
  }
}

variable "state_bucket" {
  description = "The bucket of Terraform's state; null: the bucket that environments/bootstrap creates."
  type        = string
  default     = null
}

variable "state_prefix" {
  description = "Prefix of the keys of the states in that bucket."
  type        = string
  default     = "headwater/"
}

variable "plan_reads_secrets" {
  description = "Whether a user who only plans may read the values of the deployment's secrets. According to AWS's schema of a secret, Cloud Control reads the value to describe the secret; this has not been tested in an account. Set it to true if a plan fails because secretsmanager:GetSecretValue is denied."
  type        = bool
  default     = false
}
