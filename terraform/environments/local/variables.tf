variable "endpoint" {
  description = "The emulator's URL."
  type        = string
  default     = "http://127.0.0.1:4566"

  validation {
    condition     = can(regex("^https?://[^/]+$", var.endpoint))
    error_message = "endpoint must be a URL without a path, such as http://127.0.0.1:4566."
  }
}

variable "functions_endpoint" {
  description = "URL at which `headwater bridge` runs functions."
  type        = string
  default     = "http://127.0.0.1:4567"

  validation {
    condition     = can(regex("^https?://[^/]+$", var.functions_endpoint))
    error_message = "functions_endpoint must be a URL without a path, such as http://127.0.0.1:4567."
  }
}

variable "region" {
  description = "Region of the emulator."
  type        = string
  default     = "us-east-1"
}

variable "kafka_bootstrap_servers" {
  description = "Brokers, as host:port separated by commas."
  type        = string
}

variable "database_url" {
  description = "postgres://[user[:password]@]host[:port]/database. The password is stored in the emulator's Secrets Manager."
  type        = string
  sensitive   = true
}

variable "artifacts_dir" {
  description = "Folder with <function>.zip for every function (absolute, or relative to where Terraform runs)."
  type        = string
}

variable "pipelines_dir" {
  description = "Folder of the pipeline files; null is the repository's pipelines/."
  type        = string
  default     = null
}

variable "schedules_enabled" {
  description = "Whether schedules are enabled. Off by default, because tests must know which records were produced."
  type        = bool
  default     = false
}

variable "existing_dead_letter_queues" {
  description = "Lanes with a queue (bucket-ingester, inbox-etl) whose dead-letter queue <function>-failed was created before the apply, which saves 25 s."
  type        = set(string)
  default     = []
}

variable "architecture" {
  description = "Processor architecture of the zips: the emulator runs them on this machine."
  type        = string
  default     = "x86_64"
}

variable "log_level" {
  description = "Minimum log level of the functions."
  type        = string
  default     = "warn"
}

variable "forecast" {
  description = "The forecast API: url without the path (`headwater stub forecast` answers at the default), items (the cities' ids), and its token, which is stored in the emulator's Secrets Manager."
  type = object({
    url   = optional(string, "http://127.0.0.1:8072")
    items = optional(list(string), ["3477"])
    token = optional(string, "local")
  })
  default = {}
}

variable "forecast_job_dir" {
  description = "Folder of the Spark job; null is the repository's emr/forecast_72."
  type        = string
  default     = null
}
