variable "name" {
  description = "Name of the state machine and of its schedule. The names of the other resources begin with it."
  type        = string

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])*$", var.name)) && length("${var.name}${var.function.role_suffix}") <= 50
    error_message = "name must have lower-case letters, digits and single hyphens, and with the role's suffix at most 50 characters (a role is named <name><suffix>-state-machine)."
  }
}

variable "start_after" {
  description = "Results of steps that must succeed before `live` moves to a new version of the fetcher, such as the result of a migration."
  type        = list(string)
  default     = []
}

variable "base_url" {
  description = "Address of the forecast API, without the path."
  type        = string

  validation {
    condition     = can(regex("^https?://[^/?#@]+(/[^?#]*)?$", var.base_url))
    error_message = "base_url must have the form http(s)://host[/path], without user, query or fragment."
  }
}

variable "items" {
  description = "Ids of the cities."
  type        = list(string)

  validation {
    condition     = length(var.items) > 0 && length(var.items) <= 200 && length(distinct(var.items)) == length(var.items)
    error_message = "items must have 1 to 200 cities, each once (the list is in the function's environment, of 4 KB)."
  }

  validation {
    condition     = alltrue([for item in var.items : can(regex("^[A-Za-z0-9-]{1,40}$", item))])
    error_message = "A city's id has 1 to 40 letters, digits and -: it becomes part of an object's name."
  }
}

variable "token_secret_arn" {
  description = "An existing secret that contains the API's token as plain text. Null creates an empty secret; the operator sets its value."
  type        = string
  default     = null

  validation {
    condition     = var.token_secret_arn == null ? true : can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+$", var.token_secret_arn))
    error_message = "token_secret_arn must have the form arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME."
  }
}

variable "token" {
  description = "Value of the created secret, for the local stack only. In AWS the operator sets the value."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.token == null || var.token_secret_arn == null
    error_message = "Set token or token_secret_arn, not both: the owner of an existing secret sets its value."
  }
}

variable "secret_recovery_days" {
  description = "Days for which a deleted secret can be recovered. 0 on the emulator, so that the name can be reused at once."
  type        = number
  default     = 30
}

variable "raw_bucket" {
  description = "Name of the bucket to create for the raw answers."
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

variable "lake" {
  description = "Bucket of the lake."
  type        = object({ bucket = string, bucket_arn = string })
}

variable "table_path" {
  description = "Path of the table below the lake's root."
  type        = string
  default     = "forecast_72"

  validation {
    condition     = can(regex("^[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*$", var.table_path))
    error_message = "table_path must be a folder's name or path, without / at the start or the end (it becomes part of IAM policies)."
  }
}

variable "parked" {
  description = "Bucket of the parked records."
  type        = object({ bucket = string, bucket_arn = string })
}

variable "deployment" {
  description = "Bucket for the files that a deployment uploads."
  type        = object({ bucket = string, bucket_arn = string })
}

variable "schedule" {
  description = "Schedule of the state machine: expression, time zone, and whether it is enabled."
  type = object({
    expression = optional(string, "cron(0 20 * * ? *)")
    time_zone  = optional(string, "America/Sao_Paulo")
    enabled    = optional(bool, true)
  })
  default = {}
}

variable "dead_letter_queue" {
  description = "Whether starts that Scheduler gave up are kept in a queue. False on the emulator, where the provider waits 25 s for a queue."
  type        = bool
  default     = true
}

variable "quick_retries" {
  description = "Whether a failed step is retried after one second. True on the local stack, where developers wait for the result."
  type        = bool
  default     = false
}

variable "alarms" {
  description = "Alarms, the SNS topics that they notify, and the number of hours without a successful run that raises an alarm (null for no such alarm); null for none (on the emulator, every plan would show a change of each alarm)."
  type = object({
    topic_arns       = optional(list(string), [])
    missed_run_hours = optional(number, 25)
  })
  default = null

  validation {
    condition     = try(var.alarms.missed_run_hours, null) == null ? true : var.alarms.missed_run_hours >= 1 && var.alarms.missed_run_hours <= 168
    error_message = "missed_run_hours must be 1 to 168: CloudWatch looks back seven days at most."
  }
}
