variable "alarms" {
  description = "Alarms and the SNS topics that they notify; null for none (on the emulator, every plan would show a change of each alarm). `early` adds alarms that warn before a failure: throttles, and durations close to the timeout."
  type = object({
    topic_arns = optional(list(string), [])
    early      = optional(bool, true)
  })
  default = null
}

variable "parks_records" {
  description = "Whether the function parks records. If so, an alarm reports parked records."
  type        = bool
  default     = false
}

variable "start_after" {
  description = "Results of steps that must succeed before `live` moves to a new version, such as the result of a migration. A change of these values alone does not move the alias."
  type        = list(string)
  default     = []
}
