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
