variable "schedule" {
  description = "The schedule in UTC: expression, payload (`input`), and whether it is enabled."
  type = object({
    expression = string
    enabled    = optional(bool, true)
    input      = optional(string, "{}")
  })
}

variable "retry" {
  description = "How often, and up to which age, a failed invocation is retried."
  type = object({
    attempts            = optional(number, 2)
    maximum_age_seconds = optional(number, 3600)
  })
  default = {}

  validation {
    condition     = var.retry.attempts >= 0 && var.retry.attempts <= 2
    error_message = "The number of Lambda's retries must be 0 to 2."
  }

  validation {
    condition     = var.retry.maximum_age_seconds >= 60 && var.retry.maximum_age_seconds <= 21600
    error_message = "maximum_age_seconds must be 60 to 21600."
  }
}

variable "dead_letter_queue" {
  description = "Whether invocations that were given up are kept in a queue. False on the emulator, where the provider waits 25 s for a queue and a missed scheduled run does not matter."
  type        = bool
  default     = true
}

variable "alarms" {
  description = "Alarms and the SNS topics that they notify; null for none (on the emulator, every plan would show a change of each alarm). `early` adds alarms that warn before a failure: throttles, and durations close to the timeout."
  type = object({
    topic_arns = optional(list(string), [])
    early      = optional(bool, true)
  })
  default = null
}

variable "start_after" {
  description = "Results of steps that must succeed before `live` moves to a new version, such as the result of a migration. A change of these values alone does not move the alias."
  type        = list(string)
  default     = []
}
