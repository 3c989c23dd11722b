variable "auth" {
  description = "AWS_IAM: Lambda accepts signed requests of callers with permission. NONE: Lambda accepts every request, and the function checks it."
  type        = string

  validation {
    condition     = contains(["AWS_IAM", "NONE"], var.auth)
    error_message = "auth must be AWS_IAM or NONE."
  }
}

variable "invoke_permission" {
  description = "Whether a URL of type NONE gets the permission InvokeFunction, which AWS requires since October 2025. False on the emulator, which does not require it and whose Cloud Control does not support it."
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
