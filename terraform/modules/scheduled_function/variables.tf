variable "schedule" {
  description = "When the function is invoked (UTC), with which payload, and whether at all."
  type = object({
    expression = string
    enabled    = optional(bool, true)
    input      = optional(string, "{}")
  })
}

variable "retry" {
  description = "How often, and until which age, an invocation that failed is tried again."
  type = object({
    attempts            = optional(number, 2)
    maximum_age_seconds = optional(number, 3600)
  })
  default = {}

  validation {
    condition     = var.retry.attempts >= 0 && var.retry.attempts <= 2
    error_message = "Lambda retries an asynchronous invocation 0 to 2 times."
  }

  validation {
    condition     = var.retry.maximum_age_seconds >= 60 && var.retry.maximum_age_seconds <= 21600
    error_message = "maximum_age_seconds must be 60 to 21600."
  }
}

variable "dead_letter_queue" {
  description = "Whether invocations that were given up are kept in a queue. False on the emulator: the provider waits 25 s for a queue there, and a missed tick of a local schedule matters to nobody."
  type        = bool
  default     = true
}

variable "alarms" {
  description = "Alarms and the SNS topics that they notify; null for none (an alarm never plans clean on the emulator). `early` has those that warn before something fails: throttles, and durations near the timeout."
  type = object({
    topic_arns = optional(list(string), [])
    early      = optional(bool, true)
  })
  default = null
}

variable "start_after" {
  description = "Values of what must have succeeded before a new version serves, such as the result of a migration. Changes of them move no alias."
  type        = list(string)
  default     = []
}
