variable "name" {
  description = "Name of the instance and the resources around it."
  type        = string

  validation {
    condition     = length(var.name) <= 63 && can(regex("^[a-z](-?[a-z0-9])*$", var.name))
    error_message = "name must have at most 63 lower-case letters, digits and single hyphens, begin with a letter and not end with a hyphen."
  }
}

variable "existing" {
  description = "An existing Postgres; its URL is existing_url. `auth`: `secret` (secret_arn names a secret with {username, password}; without secret_arn, a secret is created from the URL), `iam` (with the resource_id of an RDS instance) or `url` (no password). `reader`: a read-only user, which the owner has created; with auth `secret` it needs its own secret_arn. Null creates an RDS instance."
  type = object({
    auth        = optional(string, "secret")
    secret_arn  = optional(string)
    resource_id = optional(string)
    reader      = optional(object({ user = string, secret_arn = optional(string) }))
  })
  default = null

  validation {
    condition     = var.existing == null ? true : contains(["secret", "iam", "url"], var.existing.auth)
    error_message = "auth must be secret, iam or url."
  }

  validation {
    condition     = var.existing == null ? true : var.existing.auth != "iam" || var.existing.resource_id != null
    error_message = "IAM sign-in needs the instance's resource_id (db-…)."
  }

  validation {
    condition     = try(var.existing.reader, null) == null ? true : can(regex("^[A-Za-z_][A-Za-z0-9_]{0,62}$", var.existing.reader.user))
    error_message = "reader.user must have only letters, digits and _ (it becomes part of IAM policies)."
  }

  validation {
    condition     = try(var.existing.reader, null) == null ? true : (var.existing.auth == "secret") == (var.existing.reader.secret_arn != null)
    error_message = "With auth = secret, reader needs its own secret_arn. With iam or url, reader must not have a secret_arn."
  }
}

variable "existing_url" {
  description = "postgres://[user[:password]@]host[:port]/database[?sslmode=…] of the existing Postgres."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.existing_url == null ? var.existing == null : can(regex("^postgres(ql)?://[^/]+/.+", var.existing_url))
    error_message = "existing_url must be postgres://[user[:password]@]host[:port]/database, and must be set together with `existing`."
  }

  validation {
    condition     = var.existing_url == null ? true : !can(regex("^postgres(ql)?://[^/]*%[^/]*@", var.existing_url))
    error_message = "Terraform cannot decode %-escapes in existing_url: put such a user or password into a secret, and set its secret_arn."
  }
}

variable "instance" {
  description = "Settings of the created instance. `administrator`: the user that owns and migrates the tables. `writer`: the user of the functions that write; it signs in with IAM. `reader`: the user of the functions that only read; it signs in with IAM. A new major version in `engine_version` needs `allow_major_version_upgrade`. Changes wait for the maintenance window unless `apply_immediately` is set; some of them restart the instance."
  type = object({
    engine_version       = optional(string, "17")
    class                = optional(string, "db.t4g.micro")
    database             = optional(string, "headwater")
    administrator        = optional(string, "headwater_admin")
    writer               = optional(string, "headwater_writer")
    reader               = optional(string, "headwater_reader")
    storage_gb           = optional(number, 20)
    maximum_storage_gb   = optional(number, 100)
    multi_az             = optional(bool, false)
    backup_days          = optional(number, 7)
    performance_insights = optional(bool, true)
    kms_key_arn          = optional(string)

    allow_major_version_upgrade = optional(bool, false)
    apply_immediately           = optional(bool, false)
  })
  default = {}

  validation {
    condition     = var.instance.backup_days >= 1
    error_message = "backup_days must be at least 1. Without backups, the database cannot be restored after a mistake."
  }

  validation {
    condition     = length(distinct([var.instance.administrator, var.instance.writer, var.instance.reader])) == 3
    error_message = "administrator, writer and reader must be three different users. With a shared name, a user would have the rights of another role."
  }
}

variable "generation" {
  description = "Increase by one to apply a new name, administrator, database or KMS key. This deletes the instance (allow_destroy must have been applied) and creates an empty one; the rows remain only in the final snapshot."
  type        = number
  default     = 1

  validation {
    condition     = var.generation >= 1 && floor(var.generation) == var.generation
    error_message = "generation must be a whole number from 1."
  }
}

variable "kms_key_arn" {
  description = "KMS key of the log, and of the secret of an existing Postgres; null for AWS's own key. `instance.kms_key_arn` is the key of the instance: storage, backups, Performance Insights and the administrator's secret."
  type        = string
  default     = null
}

variable "allow_destroy" {
  description = "Whether the instance may be deleted. If false, RDS's deletion protection is on."
  type        = bool
  default     = false
}

variable "final_snapshot" {
  description = "Whether RDS takes a snapshot, with a unique name, before the instance is deleted. Apply a change of this setting before the deletion."
  type        = bool
  default     = true
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
  description = "Days for which a deleted secret can be recovered. 0 on the emulator, so that the name can be reused at once."
  type        = number
  default     = 7
}

variable "log_retention_days" {
  description = "Days that Postgres' log is kept."
  type        = number
  default     = 14
}

variable "alarms" {
  description = "Alarms of the created instance, and the SNS topics that they notify; null for none. RDS adds storage when less than 10 % is free, so free_storage_percent should be lower. The default of connections fits the smallest class."
  type = object({
    topic_arns           = optional(list(string), [])
    free_storage_percent = optional(number, 5)
    cpu_percent          = optional(number, 80)
    connections          = optional(number, 80)
  })
  default = null
}
