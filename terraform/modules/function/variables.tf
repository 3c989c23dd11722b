variable "name" {
  description = "Name of the function, its role and its log group."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9-_]{1,64}$", var.name))
    error_message = "A function's name has 1 to 64 letters, digits, - and _."
  }
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

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Lambda knows arm64 and x86_64."
  }
}

variable "memory_mb" {
  description = "Memory in MB. CPU grows with it: 1,769 MB are one core."
  type        = number

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240
    error_message = "Lambda gives 128 to 10,240 MB."
  }
}

variable "timeout_seconds" {
  description = "Longest run of one invocation."
  type        = number

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 900
    error_message = "Lambda's timeout is 1 to 900 s."
  }
}

variable "reserved_concurrency" {
  description = "Concurrent executions kept for, and the most granted to, this function; -1 for no reservation."
  type        = number
  default     = -1
}

variable "environment" {
  description = "Environment variables. No secrets: those are read from Secrets Manager at start."
  type        = map(string)
}

variable "log_level" {
  description = "Least severe level that is logged."
  type        = string
  default     = "warn"

  validation {
    condition     = contains(["error", "warn", "info", "debug", "trace"], var.log_level)
    error_message = "Levels are error, warn, info, debug and trace."
  }
}

variable "log_retention_days" {
  description = "Days that the log is kept."
  type        = number
  default     = 30
}

variable "policy_statements" {
  description = "What the role may do beyond writing its log: exact ARNs, no `*` alone."
  type = list(object({
    sid       = string
    effect    = optional(string, "Allow")
    actions   = list(string)
    resources = list(string)
    condition = optional(map(map(list(string))), {})
  }))

  validation {
    condition     = !anytrue([for statement in var.policy_statements : contains(statement.resources, "*") && !startswith(statement.sid, "Describe")])
    error_message = "A statement on all resources is only for Describe actions, which know nothing finer; name its sid Describe…"
  }

  validation {
    condition     = !anytrue([for action in flatten(var.policy_statements[*].actions) : strcontains(action, "*")])
    error_message = "Name each action: no `*` in actions."
  }
}

variable "network" {
  description = "Subnets and security groups of the function; null outside a VPC."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
}

variable "alarms" {
  description = "Alarms and the SNS topics that they notify; null for none (an alarm never plans clean on the emulator)."
  type = object({
    topic_arns = optional(list(string), [])
  })
  default = null
}

variable "parks_records" {
  description = "Whether the function parks records that no table takes, and somebody is to be told."
  type        = bool
  default     = false
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
