variable "name" {
  description = "Name of the function."
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
  description = "Concurrent executions kept for, and the most granted to, this function: beyond them callers get 429. -1 for no reservation."
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

variable "auth" {
  description = "AWS_IAM: Lambda takes signed requests of whoever is allowed to call. NONE: it takes every request, and the function looks for itself."
  type        = string

  validation {
    condition     = contains(["AWS_IAM", "NONE"], var.auth)
    error_message = "auth is AWS_IAM or NONE."
  }
}

variable "invoke_permission" {
  description = "Whether a URL of type NONE gets the permission to invoke that AWS asks for since October 2025. False on the emulator, which does not ask for it, and whose Cloud Control changes no function."
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
