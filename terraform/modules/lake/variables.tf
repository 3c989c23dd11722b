variable "name_prefix" {
  description = "Prefix of the names of the buckets and of the Glue database."
  type        = string
}

variable "buckets" {
  description = "Settings of every bucket. The bucket module explains the values of the local stack."
  type = object({
    suffix         = optional(string, "")
    versioning     = optional(bool, true)
    lifecycle_days = optional(number, 30)
    require_tls    = optional(bool, true)
    force_destroy  = optional(bool, false)
  })
  default = {}
}

variable "kms_key_arn" {
  description = "Customer-managed KMS key that encrypts the objects; null for S3's own key. Users of Athena need kms:Decrypt on it."
  type        = string
  default     = null
}

variable "tables" {
  description = "Path of each Delta table under the lake's root, by topic."
  type        = map(string)

  validation {
    condition     = length(distinct(values(var.tables))) == length(var.tables)
    error_message = "Two topics must not write to the same table path."
  }
}

variable "job_tables" {
  description = "Path of each Delta table that only a Spark job writes, by table name. Functions have no write access there, because commits of Spark and of a function would overwrite each other."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for path in values(var.job_tables) : can(regex("^[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*$", path))])
    error_message = "A table's path must be a folder's name or path, without / at the start or the end (it becomes part of IAM policies)."
  }

  validation {
    condition = alltrue([
      for path in values(var.job_tables) : !anytrue([for topic in values(var.tables) : startswith("${path}/", "${topic}/") || startswith("${topic}/", "${path}/")])
    ])
    error_message = "The path of a Spark job's table must be neither inside the path of a topic's table nor a parent of it."
  }
}
