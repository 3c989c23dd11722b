variable "bucket" {
  description = "The bucket, of this account, that may put messages into the queue; null for a source that sends none: no queue is made, and the sweep alone feeds the function."
  type = object({
    name = string
    arn  = string
  })
  default = null
}

variable "dead_letter_queue_exists" {
  description = "Whether a queue <function's name>-failed is there already. It takes the messages that were given up then, and no queue is made for them."
  type        = bool
  default     = false
}

variable "notifications" {
  description = "Whether the bucket is told here to notify the queue. A bucket has one notification configuration, and this replaces it as a whole: false where somebody else keeps it, who names the queue there or leaves it to the sweep."
  type        = bool
  default     = true
}

variable "filter_prefix" {
  description = "Beginning of the keys whose objects are notified; null for all."
  type        = string
  default     = null
}

variable "batch_size" {
  description = "Messages of one invocation, at most."
  type        = number
  default     = 10

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= (var.window_seconds > 0 ? 10000 : 10)
    error_message = "batch_size must be 1 to 10; with a window of a second or more, to 10000."
  }
}

variable "window_seconds" {
  description = "The longest that a message waits for its batch to fill."
  type        = number
  default     = 0

  validation {
    condition     = var.window_seconds >= 0 && var.window_seconds <= 300
    error_message = "window_seconds must be 0 to 300."
  }
}

variable "maximum_concurrency" {
  description = "Invocations that the queue may have at once; null for as many as the account grants."
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
  description = "How long a message is hidden while it is being handled, and so when it comes back after a failure; null is six times the function's timeout, as AWS advises: throttled invocations are tried again within that time."
  type        = number
  default     = null

  validation {
    condition     = var.visibility_timeout_seconds == null ? true : var.visibility_timeout_seconds >= var.function.timeout_seconds && var.visibility_timeout_seconds <= 43200
    error_message = "visibility_timeout_seconds must be at least the function's timeout (a message must not come back while it is being handled), and at most 43200."
  }
}

variable "max_receive_count" {
  description = "Deliveries of a message before it goes to the dead-letter queue."
  type        = number
  default     = 5

  validation {
    condition     = var.max_receive_count >= 1 && var.max_receive_count <= 1000
    error_message = "max_receive_count must be 1 to 1000."
  }
}

variable "sweep" {
  description = "When the function is invoked (UTC) to look at the source itself, with {\"sweep\":true}, and whether at all."
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
