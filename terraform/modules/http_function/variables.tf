variable "auth" {
  description = "AWS_IAM: Lambda accepts signed requests of callers with permission. NONE: Lambda accepts every request, and the function checks it."
  type        = string

  validation {
    condition     = contains(["AWS_IAM", "NONE"], var.auth)
    error_message = "auth must be AWS_IAM or NONE."
  }
}

variable "invoke_permission" {
  description = "Whether a URL of type NONE gets the permission to invoke that AWS asks for since October 2025. False on the emulator, which does not ask for it, and whose Cloud Control changes no function."
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
