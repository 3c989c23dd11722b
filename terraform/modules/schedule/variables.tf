variable "name" {
  description = "Name of the function, and so of its schedule."
  type        = string

  validation {
    condition     = length(var.name) <= 55
    error_message = "The role of the schedule is named <name>-schedule, and a role's name has 64 characters: use 55 or fewer."
  }
}

variable "function_arn" {
  description = "The function that is invoked."
  type        = string
}

variable "schedule" {
  description = "When the function is invoked (UTC), with which payload, and whether at all."
  type = object({
    expression = string
    enabled    = optional(bool, true)
    input      = optional(string, "{}")
  })

  validation {
    condition     = can(regex("^(rate|cron|at)\\(.+\\)$", var.schedule.expression))
    error_message = "expression is rate(…), cron(…) or at(…)."
  }
}

variable "retry" {
  description = "How often, and until which age, Scheduler tries again to hand an invocation to Lambda. What fails inside the function is Lambda's to retry."
  type = object({
    attempts            = optional(number, 2)
    maximum_age_seconds = optional(number, 3600)
  })
  default = {}

  validation {
    condition     = var.retry.attempts >= 0 && var.retry.attempts <= 185
    error_message = "Scheduler tries again 0 to 185 times."
  }

  validation {
    condition     = var.retry.maximum_age_seconds >= 60 && var.retry.maximum_age_seconds <= 86400
    error_message = "maximum_age_seconds is 60 to 86400."
  }
}

variable "dead_letter_arn" {
  description = "Queue for invocations that Scheduler gave up; null where nobody misses one."
  type        = string
  default     = null
}
