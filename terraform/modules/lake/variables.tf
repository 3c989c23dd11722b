variable "name_prefix" {
  description = "Begins the names of the buckets and of the Glue database."
  type        = string
}

variable "buckets" {
  description = "What every bucket has; the bucket module says why the local stack differs."
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
  description = "A key of the owner's that encrypts the objects; null for S3's own. Whoever reads through Athena needs kms:Decrypt on it."
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
  description = "Path of each Delta table that a Spark job alone writes, by table name. No function may write there: Spark's commits and a function's would overwrite each other."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for path in values(var.job_tables) : can(regex("^[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*$", path))])
    error_message = "A table's path is a folder's name or path, without / at its ends (permissions are written with it)."
  }

  validation {
    condition = alltrue([
      for path in values(var.job_tables) : !anytrue([for topic in values(var.tables) : startswith("${path}/", "${topic}/") || startswith("${topic}/", "${path}/")])
    ])
    error_message = "A Spark job's table must not be inside a topic's table, nor around one."
  }
}
