variable "name" {
  description = "Name of the function and of its schedule."
  type        = string
}

variable "description" {
  description = "What the function does, in one line."
  type        = string
}

variable "code" {
  description = "Zip file with the executable `bootstrap`: bucket, key, and the SHA-256 in base64 (null while it is not built)."
  type = object({
    bucket = string
    key    = string
    hash   = optional(string)
  })
}

variable "architecture" {
  description = "arm64 or x86_64: what the code was built for."
  type        = string
  default     = "arm64"
}

variable "memory_mb" {
  description = "Memory in MB."
  type        = number
}

variable "timeout_seconds" {
  description = "Longest run of one invocation."
  type        = number
}

variable "reserved_concurrency" {
  description = "Concurrent executions kept for, and the most granted to, this function; -1 for no reservation."
  type        = number
  default     = -1
}

variable "environment" {
  description = "Environment variables."
  type        = map(string)
}

variable "log_level" {
  description = "Least severe level that is logged."
  type        = string
  default     = "warn"
}

variable "log_retention_days" {
  description = "Days that the log is kept."
  type        = number
  default     = 30
}

variable "policy_statements" {
  description = "What the role may do beyond writing its log."
  type = list(object({
    sid       = string
    effect    = optional(string, "Allow")
    actions   = list(string)
    resources = list(string)
    condition = optional(map(map(list(string))), {})
  }))
  default = []
}

variable "network" {
  description = "Subnets and security groups of the function; null outside a VPC."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
}

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
    error_message = "maximum_age_seconds is 60 to 21600."
  }
}

variable "dead_letter_queue" {
  description = "Whether invocations that were given up are kept in a queue. False on the emulator: the provider waits 25 s for a queue there, and a missed tick of a local schedule matters to nobody."
  type        = bool
  default     = true
}

variable "alarms" {
  description = "Alarms and the SNS topics that they notify; null for none (an alarm never plans clean on the emulator)."
  type = object({
    topic_arns = optional(list(string), [])
  })
  default = null
}

variable "versions" {
  description = "Whether each change is published as a version, and the alias `live` moves to it after what `start_after` names. False on the local stack: the bridge and its users invoke a function by its plain name, and `headwater up` migrates before it applies."
  type        = bool
  default     = true
}

variable "start_after" {
  description = "Values of what must have succeeded before a new version serves, such as the result of a migration. Changes of them move no alias."
  type        = list(string)
  default     = []
}
