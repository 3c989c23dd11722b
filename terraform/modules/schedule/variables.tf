variable "name" {
  description = "Name of the function or state machine. The schedule has the same name."
  type        = string

  validation {
    condition     = length("${var.name}${var.role.suffix}") <= 55
    error_message = "name and suffix must have at most 55 characters together: the role is named <name><suffix>-schedule, and IAM's limit is 64."
  }
}

variable "role" {
  description = "Settings of the role: `suffix` is appended to its name (IAM is global), and its permissions boundary."
  type = object({
    suffix                   = optional(string, "")
    permissions_boundary_arn = optional(string)
  })
  default = {}
}

variable "kms_key_arn" {
  description = "KMS key of the dead-letter queue; null for SQS's own key."
  type        = string
  default     = null
}

variable "function_name" {
  description = "The function's name if it differs from `name`, because a function may have several schedules."
  type        = string
  default     = null
}

variable "target_arn" {
  description = "ARN of the function to invoke or the state machine to start."
  type        = string
}

variable "action" {
  description = "IAM action that Scheduler's role may call on the target."
  type        = string
  default     = "lambda:InvokeFunction"

  validation {
    condition     = contains(["lambda:InvokeFunction", "states:StartExecution"], var.action)
    error_message = "action must be lambda:InvokeFunction or states:StartExecution."
  }
}

variable "schedule" {
  description = "The schedule: expression, time zone, payload (`input`), and whether it is enabled."
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
  description = "How often, and up to which age, Scheduler retries to deliver an invocation. Lambda, not Scheduler, retries errors inside a function."
  type = object({
    attempts            = optional(number, 2)
    maximum_age_seconds = optional(number, 3600)
  })
  default = {}

  validation {
    condition     = var.retry.attempts >= 0 && var.retry.attempts <= 185
    error_message = "The number of Scheduler's retries must be 0 to 185."
  }

  validation {
    condition     = var.retry.maximum_age_seconds >= 60 && var.retry.maximum_age_seconds <= 86400
    error_message = "maximum_age_seconds must be 60 to 86400."
  }
}

variable "dead_letter_arn" {
  description = "Queue for invocations that Scheduler gave up; null if a missed invocation does not matter."
  type        = string
  default     = null
}
