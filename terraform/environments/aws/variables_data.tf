# What holds data (the Kafka cluster, the database, the buckets): how large it is, and what may happen to it.

variable "profile" {
  description = "Sizes of the Kafka cluster and the database: dev (small, one zone for the database) or prod (larger brokers, Multi-AZ, longer backups and logs; buckets with data are never destroyed). Null is prod where environment is prod, and dev elsewhere."
  type        = string
  default     = null

  validation {
    condition     = var.profile == null ? true : contains(["dev", "prod"], var.profile)
    error_message = "profile is dev or prod."
  }
}

variable "generation" {
  description = "Raise it by one to let a change take effect that replaces the Kafka cluster: other subnets of an existing VPC, another KMS key or an earlier version. The records in Kafka are lost. Keep the number afterwards."
  type        = number
  default     = 1
}

variable "database_generation" {
  description = "Raise it by one to let a change take effect that replaces the database: another administrator, database name or KMS key. allow_destroy must have been applied before; the rows are left in the final snapshot. Keep the number afterwards."
  type        = number
  default     = 1
}

variable "encryption" {
  description = "What encrypts data, logs, queues, secrets and the alarm topic. Keys of AWS by default; customer_key = true makes a key of your own; kms_key_arn is one that exists (its policy needs the statements for services of modules/key). Decide before the first apply: Kafka and the database keep the key that they were made with."
  type = object({
    customer_key = optional(bool, false)
    kms_key_arn  = optional(string)
  })
  default = {}

  validation {
    condition     = !var.encryption.customer_key || var.encryption.kms_key_arn == null
    error_message = "Either customer_key = true makes a key, or kms_key_arn names one that exists: leave one of them out."
  }

  validation {
    condition     = var.encryption.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:${var.region}:[0-9]{12}:key/[a-z0-9-]+$", var.encryption.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a key in the deployment's region, arn:aws:kms:${var.region}:ACCOUNT:key/ID. An alias will not do: log groups and permissions name the key itself."
  }
}

variable "allow_destroy" {
  description = "Let a destroy delete the Kafka cluster, the database and the buckets. Apply it first; without it a destroy is refused before anything is removed."
  type        = bool
  default     = false
}

variable "final_snapshot" {
  description = "Take a last snapshot of the database before it is deleted. Apply a change of this before the destroy."
  type        = bool
  default     = true
}

variable "force_destroy" {
  description = "For development: let a destroy (with allow_destroy) delete buckets with the objects in them. Without it buckets must be emptied first. Apply it before the destroy."
  type        = bool
  default     = false

  validation {
    condition     = !var.force_destroy || (var.profile != null ? var.profile : var.environment) != "prod"
    error_message = "force_destroy is for development. In profile prod, empty the buckets before the destroy."
  }
}
