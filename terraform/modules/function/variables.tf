variable "alarms" {
  description = "Alarms and the SNS topics that they notify; null for none (an alarm never plans clean on the emulator). `early` has those that warn before something fails: throttles, and durations near the timeout."
  type = object({
    topic_arns = optional(list(string), [])
    early      = optional(bool, true)
  })
  default = null
}

variable "parks_records" {
  description = "Whether the function parks records that no table takes, and somebody is to be told."
  type        = bool
  default     = false
}

variable "start_after" {
  description = "Values of what must have succeeded before a new version serves, such as the result of a migration. Changes of them move no alias."
  type        = list(string)
  default     = []
}
