variable "name" {
  description = "Name of the function or state machine, and so of its schedule."
  type        = string

  validation {
    condition     = length("${var.name}${var.role.suffix}") <= 55
    error_message = "The role of the schedule is named <name><suffix>-schedule, and a role's name has 64 characters: use 55 or fewer for name and suffix."
  }
}

variable "role" {
  description = "The role: `suffix` follows the name (IAM is one for all regions), and its permissions boundary."
  type = object({
    suffix                   = optional(string, "")
    permissions_boundary_arn = optional(string)
  })
  default = {}
}

variable "kms_key_arn" {
  description = "The key of the dead-letter queue; null for SQS's own."
  type        = string
  default     = null
}

variable "function_name" {
  description = "The function's name, where the schedule has another one: a function may have several schedules."
  type        = string
  default     = null
}

variable "target_arn" {
  description = "The function that is invoked, or the state machine that is started."
  type        = string
}

variable "action" {
  description = "What Scheduler's role may do with the target."
  type        = string
  default     = "lambda:InvokeFunction"

  validation {
    condition     = contains(["lambda:InvokeFunction", "states:StartExecution"], var.action)
    error_message = "action must be lambda:InvokeFunction or states:StartExecution."
  }
}

variable "schedule" {
  description = "When the target is invoked (in which time zone), with which payload, and whether at all."
  type = object({
    expression = string
    time_zone  = optional(string, "UTC")
    enabled    = optional(bool, true)
    input      = optional(string, "{}")
  })

  validation {
    condition     = can(regex("^(rate|cron|at)\\(.+\\)$", var.schedule.expression))
    error_message = "expression must be rate(…), cron(…) or at(…)."
  }

  validation {
    condition     = can(regex("^(UTC|[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_+-]+)+)$", var.schedule.time_zone))
    error_message = "time_zone must be a name of the IANA database, such as America/Sao_Paulo or UTC."
  }
}

variable "retry" {
  description = "How often, and until which age, Scheduler tries again to hand an invocation over. What fails inside a function is Lambda's to retry."
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
    error_message = "maximum_age_seconds must be 60 to 86400."
  }
}

variable "dead_letter_arn" {
  description = "Queue for invocations that Scheduler gave up; null where nobody misses one."
  type        = string
  default     = null
}
