# Who is told of what: alarms, and what the bill may be.

variable "alarms_enabled" {
  description = "Whether alarms are made."
  type        = bool
  default     = true
}

variable "early_alarms" {
  description = "Whether each function has alarms that warn before something fails: on throttles, and on durations near its timeout. Without them a throttled lane is known by its lag, and a timeout by the function's errors. Null is true in profile prod."
  type        = bool
  default     = null
}

variable "alarm_emails" {
  description = "Addresses that alarms and the budget go to; each confirms its subscription by mail. With alarm_topic_arn they hear of the budget only."
  type        = list(string)
  default     = []

  validation {
    condition     = !var.alarms_enabled || var.alarm_topic_arn != null || length(var.alarm_emails) > 0
    error_message = "Nobody would hear of an alarm. Set alarm_emails = [\"you@example.com\"], or alarm_topic_arn to an SNS topic that exists; or alarms_enabled = false for no alarms."
  }
}

variable "alarm_topic_arn" {
  description = "An SNS topic of this region that exists: alarms go there, no topic and no subscriptions are made. Its policy lets cloudwatch.amazonaws.com publish, and so does the policy of its key, where it has one that is not AWS's."
  type        = string
  default     = null
}

variable "budget" {
  description = "A budget for the month: mails when 80 % are spent, and when the forecast is above all of it. monthly_usd: null is the amount of the profile (150 for dev, 1200 for prod) where there are alarm_emails. Without alarm_emails it goes to alarm_topic_arn, and only when an amount is named: the policy of that topic must let budgets.amazonaws.com publish. It counts all costs of the account; by_tag only those with this deployment's tag `deployment`, which the owner of the bill must have activated for cost allocation (without that it would never warn). Null for none, as in GovCloud, which has no budgets."
  type = object({
    monthly_usd = optional(number)
    by_tag      = optional(bool, false)
  })
  default = {}
}

variable "lag_alarm_seconds" {
  description = "How far behind a mapping may be before its alarm."
  type        = number
  default     = 300
}

variable "skipped_offsets_alarm" {
  description = "How many offsets deliveries of a function may skip in five minutes before its alarm. Null for no alarm, where topics are compacted or written in transactions."
  type        = number
  default     = 0
}

variable "queue_age_alarm_seconds" {
  description = "How old a message in a queue may be before its alarm. One that failed comes back after six times its function's timeout."
  type        = number
  default     = 1800
}
