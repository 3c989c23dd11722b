variable "bucket" {
  description = "The bucket of this account that may send messages to the queue. Null: the source sends no messages, no queue is created, and only the sweep feeds the function."
  type = object({
    name = string
    arn  = string
  })
  default = null
}

variable "dead_letter_queue_exists" {
  description = "Whether a queue <function name>-failed already exists. If so, the module uses it as the dead-letter queue and creates none."
  type        = bool
  default     = false
}

variable "notifications" {
  description = "Whether this module configures the bucket to notify the queue. A bucket has only one notification configuration, and this replaces it completely. Set it to false if that configuration is managed elsewhere; its owner can add the queue there, or rely on the sweep."
  type        = bool
  default     = true
}

variable "filter_prefix" {
  description = "Prefix of the keys of objects that cause a notification; null for all objects."
  type        = string
  default     = null
}

variable "batch_size" {
  description = "Maximum number of messages in one invocation."
  type        = number
  default     = 10

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= (var.window_seconds > 0 ? 10000 : 10)
    error_message = "batch_size must be 1 to 10, or 1 to 10000 if window_seconds is at least 1."
  }
}

variable "window_seconds" {
  description = "Maximum time, in seconds, that a message waits for its batch to fill."
  type        = number
  default     = 0

  validation {
    condition     = var.window_seconds >= 0 && var.window_seconds <= 300
    error_message = "window_seconds must be 0 to 300."
  }
}

variable "maximum_concurrency" {
  description = "Maximum number of concurrent invocations from the queue; null: only the account's quota is the limit."
  type        = number
  default     = null

  validation {
    condition     = var.maximum_concurrency == null ? true : var.maximum_concurrency >= 2 && var.maximum_concurrency <= 1000
    error_message = "maximum_concurrency must be 2 to 1000."
  }
}

variable "create_event_source_mapping" {
  description = "Whether Lambda polls the queue. False on the local stack, whose bridge follows the output `queue_mapping`."
  type        = bool
  default     = true
}

variable "visibility_timeout_seconds" {
  description = "How long a message is hidden while it is handled. After a failure it is visible again after this time. Null is six times the function's timeout, as AWS recommends, because throttled invocations are retried within that time."
  type        = number
  default     = null

  validation {
    condition     = var.visibility_timeout_seconds == null ? true : var.visibility_timeout_seconds >= var.function.timeout_seconds && var.visibility_timeout_seconds <= 43200
    error_message = "visibility_timeout_seconds must be at least the function's timeout (a message must not be visible again while it is handled), and at most 43200."
  }
}

variable "max_receive_count" {
  description = "Number of deliveries of a message before it goes to the dead-letter queue."
  type        = number
  default     = 5

  validation {
    condition     = var.max_receive_count >= 1 && var.max_receive_count <= 1000
    error_message = "max_receive_count must be 1 to 1000."
  }
}

variable "sweep" {
  description = "Schedule (UTC) of the sweep: the function is invoked with {\"sweep\":true} and lists the source. `enabled`: whether the schedule is enabled."
  type = object({
    expression = string
    enabled    = optional(bool, true)
  })
}

variable "start_after" {
  description = "Results of steps that must succeed before the first poll and before `live` moves to a new version, such as the result of a migration. A change of these values alone changes neither the mapping nor the alias."
  type        = list(string)
  default     = []
}

variable "alarms" {
  description = "Alarms, the SNS topics that they notify, and how old a message may be; null for none (on the emulator, every plan would show a change of each alarm). `early` adds alarms that warn before a failure: throttles, and durations close to the timeout."
  type = object({
    topic_arns  = optional(list(string), [])
    early       = optional(bool, true)
    age_seconds = optional(number, 1800)
  })
  default = null
}
