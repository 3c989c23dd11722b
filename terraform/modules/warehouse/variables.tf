variable "name" {
  description = "Name of the instance and its parts."
  type        = string

  validation {
    condition     = length(var.name) <= 63 && can(regex("^[a-z](-?[a-z0-9])*$", var.name))
    error_message = "RDS takes names of at most 63 lower-case letters, digits and single hyphens, beginning with a letter and not ending with a hyphen."
  }
}

variable "existing" {
  description = "A Postgres that exists (its address is existing_url): auth is `secret` (secret_arn of a secret {username, password}; without it one is made from the URL), `iam` (an RDS resource_id) or `url` (no password needed). `reader` is a user who may only read, made and granted by its owner; with auth `secret` it has a secret of its own. Null makes an instance."
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
    error_message = "The reader's user is a name of letters, digits and _ (a permission is written with it)."
  }

  validation {
    condition     = try(var.existing.reader, null) == null ? true : (var.existing.auth == "secret") == (var.existing.reader.secret_arn != null)
    error_message = "A reader of a Postgres with auth secret signs in with a secret_arn of its own; with iam or url it has none."
  }
}

variable "existing_url" {
  description = "postgres://[user[:password]@]host[:port]/database[?sslmode=…] of the existing Postgres."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.existing_url == null ? var.existing == null : can(regex("^postgres(ql)?://[^/]+/.+", var.existing_url))
    error_message = "existing_url must be postgres://[user[:password]@]host[:port]/database, and goes together with existing."
  }

  validation {
    condition     = var.existing_url == null ? true : !can(regex("^postgres(ql)?://[^/]*%[^/]*@", var.existing_url))
    error_message = "Terraform cannot decode %-escapes: put such a user or password into a secret and give its secret_arn."
  }
}

variable "instance" {
  description = "The instance that is made. `administrator` owns the tables and migrates them; `writer` is what the functions sign in as, by IAM, and `reader` those that only look. A new major version in `engine_version` needs `allow_major_version_upgrade`. Changes wait for the maintenance window, unless `apply_immediately`; some of them restart the instance."
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
    error_message = "A database without backups cannot be restored to before a mistake: at least one day."
  }

  validation {
    condition     = length(distinct([var.instance.administrator, var.instance.writer, var.instance.reader])) == 3
    error_message = "administrator, writer and reader are three users: one name for two would give the lesser the rights of the greater."
  }
}

variable "generation" {
  description = "Raise it by one to let a new name, administrator, database or KMS key take effect. That deletes the instance (allow_destroy must have been applied) and makes an empty one; the rows are left in the final snapshot."
  type        = number
  default     = 1

  validation {
    condition     = var.generation >= 1 && floor(var.generation) == var.generation
    error_message = "generation must be a whole number from 1."
  }
}

variable "kms_key_arn" {
  description = "Key of the log, and of the secret of an existing Postgres; null for AWS's own. `instance.kms_key_arn` is that of the instance: its storage, backups, Performance Insights and the administrator's secret."
  type        = string
  default     = null
}

variable "allow_destroy" {
  description = "Whether RDS lets the instance be deleted."
  type        = bool
  default     = false
}

variable "final_snapshot" {
  description = "Take a snapshot before the instance is deleted, under a name that no other has. Like every setting of a deletion it must be applied first."
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
  description = "Days that a deleted secret can be restored. 0 on the emulator, so that the same name can be made again at once."
  type        = number
  default     = 7
}

variable "log_retention_days" {
  description = "Days that Postgres' log is kept."
  type        = number
  default     = 14
}

variable "alarms" {
  description = "Alarms of an instance that is made here, and the SNS topics that they notify; null for none. RDS adds storage when less than a tenth is free: free_storage_percent is below that. connections fits the smallest class."
  type = object({
    topic_arns           = optional(list(string), [])
    free_storage_percent = optional(number, 5)
    cpu_percent          = optional(number, 80)
    connections          = optional(number, 80)
  })
  default = null
}
