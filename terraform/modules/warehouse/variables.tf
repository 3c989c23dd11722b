variable "name" {
  description = "Name of the instance and its parts."
  type        = string
}

variable "existing" {
  description = "A Postgres that exists (its address is existing_url): auth is `secret` (secret_arn of a secret {username, password}; without it one is made from the URL), `iam` (an RDS resource_id) or `url` (no password needed). Null makes an instance."
  type = object({
    auth        = optional(string, "secret")
    secret_arn  = optional(string)
    resource_id = optional(string)
  })
  default = null

  validation {
    condition     = var.existing == null ? true : contains(["secret", "iam", "url"], var.existing.auth)
    error_message = "auth is secret, iam or url."
  }

  validation {
    condition     = var.existing == null ? true : var.existing.auth != "iam" || var.existing.resource_id != null
    error_message = "IAM sign-in needs the instance's resource_id (db-…)."
  }
}

variable "existing_url" {
  description = "postgres://[user[:password]@]host[:port]/database[?sslmode=…] of the existing Postgres."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.existing_url == null ? var.existing == null : can(regex("^postgres(ql)?://[^/]+/.+", var.existing_url))
    error_message = "existing_url is postgres://[user[:password]@]host[:port]/database, and goes together with existing."
  }

  validation {
    condition     = var.existing_url == null ? true : !can(regex("^postgres(ql)?://[^/]*%[^/]*@", var.existing_url))
    error_message = "Terraform cannot decode %-escapes: put such a user or password into a secret and give its secret_arn."
  }
}

variable "instance" {
  description = "The instance that is made. `administrator` owns the tables and migrates them; `writer` is what the functions sign in as, by IAM."
  type = object({
    engine_version       = optional(string, "17")
    class                = optional(string, "db.t4g.micro")
    database             = optional(string, "headwater")
    administrator        = optional(string, "headwater_admin")
    writer               = optional(string, "headwater_writer")
    storage_gb           = optional(number, 20)
    maximum_storage_gb   = optional(number, 100)
    multi_az             = optional(bool, false)
    backup_days          = optional(number, 7)
    deletion_protection  = optional(bool, true)
    performance_insights = optional(bool, true)
    kms_key_arn          = optional(string)
  })
  default = {}

  validation {
    condition     = var.instance.backup_days >= 1
    error_message = "A database without backups cannot be restored to before a mistake: at least one day."
  }
}

variable "subnet_ids" {
  description = "Private subnets of the instance; unused with an existing Postgres."
  type        = list(string)
  default     = []
}

variable "security_group_ids" {
  description = "Security groups of the instance; unused with an existing Postgres."
  type        = list(string)
  default     = []
}

variable "secret_recovery_days" {
  description = "Days that a deleted secret can be restored. 0 on the emulator, so that the same name can be made again at once."
  type        = number
  default     = 7
}
