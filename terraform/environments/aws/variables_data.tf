# The Kafka cluster, the database and the buckets: sizes, encryption, and protection against deletion.

variable "profile" {
  description = "Sizes of the Kafka cluster and the database: dev (small, one zone for the database) or prod (larger brokers, Multi-AZ, longer backups and logs; buckets with data are never destroyed). Null: prod if environment is prod, otherwise dev."
  type        = string
  default     = null

  validation {
    condition     = var.profile == null ? true : contains(["dev", "prod"], var.profile)
    error_message = "profile must be dev or prod."
  }
}

variable "generation" {
  description = "Increase by one to apply a change that replaces the Kafka cluster: other subnets of an existing VPC, another KMS key or an earlier version. The records in Kafka are lost. Keep the number afterwards."
  type        = number
  default     = 1
}

variable "database_generation" {
  description = "Increase by one to apply a change that replaces the database: another administrator, database name or KMS key. Apply allow_destroy first. The rows remain in the final snapshot. Keep the number afterwards."
  type        = number
  default     = 1
}

variable "encryption" {
  description = "KMS key for data, logs, queues, secrets and the alarm topic. Default: keys of AWS. customer_key = true creates a customer key; kms_key_arn names an existing one (its policy needs the statements for services of modules/key). Decide before the first apply: Kafka and the database keep the key that they were created with."
  type = object({
    customer_key = optional(bool, false)
    kms_key_arn  = optional(string)
  })
  default = {}

  validation {
    condition     = !var.encryption.customer_key || var.encryption.kms_key_arn == null
    error_message = "Set either customer_key = true (creates a key) or kms_key_arn (an existing key), not both."
  }

  validation {
    condition     = var.encryption.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:${var.region}:[0-9]{12}:key/[a-z0-9-]+$", var.encryption.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key in the deployment's region, arn:aws:kms:${var.region}:ACCOUNT:key/ID. An alias is not accepted, because log groups and permissions need the ARN of the key."
  }
}

variable "allow_destroy" {
  description = "Whether a destroy may delete the Kafka cluster, the database and the buckets. Apply this setting first. Without it, a destroy is refused before anything is deleted."
  type        = bool
  default     = false
}

variable "final_snapshot" {
  description = "Whether to take a final snapshot of the database before it is deleted. Apply a change of this setting before the destroy."
  type        = bool
  default     = true
}

variable "force_destroy" {
  description = "For development: whether a destroy (with allow_destroy) deletes buckets together with their objects. Otherwise buckets must be empty. Apply this setting before the destroy."
  type        = bool
  default     = false

  validation {
    condition     = !var.force_destroy || (var.profile != null ? var.profile : var.environment) != "prod"
    error_message = "force_destroy is for development. In profile prod, empty the buckets before the destroy."
  }
}
