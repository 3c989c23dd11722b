variable "name" {
  description = "Name of the state machine, of its schedule, and the beginning of the names around them."
  type        = string

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])*$", var.name)) && length("${var.name}${var.function.role_suffix}") <= 50
    error_message = "name must have lower-case letters, digits and single hyphens, and with the role's suffix at most 50 characters (a role is named <name><suffix>-state-machine)."
  }
}

variable "start_after" {
  description = "Values of what must have succeeded before a new version of the fetcher serves, such as the result of a migration."
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
  description = "A secret that exists and whose text is the API's token; null makes one, which is empty until somebody puts the token in."
  type        = string
  default     = null

  validation {
    condition     = var.token_secret_arn == null ? true : can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+$", var.token_secret_arn))
    error_message = "token_secret_arn must have the form arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME."
  }
}

variable "token" {
  description = "Value of the secret that is made. For the local stack: in AWS it is put in by hand."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.token == null || var.token_secret_arn == null
    error_message = "Give token or token_secret_arn, not both: the value of a secret that exists is its owner's."
  }
}

variable "secret_recovery_days" {
  description = "Days that a deleted secret can be recovered. 0 on the emulator, where the name is wanted again at once."
  type        = number
  default     = 30
}

variable "raw_bucket" {
  description = "Name of the bucket of raw answers that is made."
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
    error_message = "table_path must be a folder's name or path, without / at its ends (permissions are written with it)."
  }
}

variable "parked" {
  description = "Bucket of the parked records."
  type        = object({ bucket = string, bucket_arn = string })
}

variable "deployment" {
  description = "Bucket of what a deployment uploads."
  type        = object({ bucket = string, bucket_arn = string })
}

variable "schedule" {
  description = "When the state machine is started, in which time zone, and whether at all."
  type = object({
    expression = optional(string, "cron(0 20 * * ? *)")
    time_zone  = optional(string, "America/Sao_Paulo")
    enabled    = optional(bool, true)
  })
  default = {}
}

variable "dead_letter_queue" {
  description = "Whether a start that Scheduler gave up is kept in a queue. False on the emulator, where the provider waits 25 s for one."
  type        = bool
  default     = true
}

variable "quick_retries" {
  description = "Whether a step that failed is tried again after a second. True on the local stack, where somebody waits for it."
  type        = bool
  default     = false
}

variable "alarms" {
  description = "Alarms, the SNS topics that they notify, and the hours without a successful run that are too many (null for any number); null for none (an alarm never plans clean on the emulator)."
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
