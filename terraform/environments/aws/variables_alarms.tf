# Alarms and the budget, and who is notified.

variable "alarms_enabled" {
  description = "Whether to create alarms."
  type        = bool
  default     = true
}

variable "early_alarms" {
  description = "Whether each function has early alarms: on throttles, and on durations near its timeout. Without them, the alarms on lag and errors report a throttled lane and a timeout. Null: true in profile prod."
  type        = bool
  default     = null
}

variable "alarm_emails" {
  description = "Mail addresses for alarms and the budget. Each recipient must confirm the subscription by mail. With alarm_topic_arn they are notified of the budget only."
  type        = list(string)
  default     = []

  validation {
    condition     = !var.alarms_enabled || var.alarm_topic_arn != null || length(var.alarm_emails) > 0
    error_message = "The alarms would have no recipient. Set alarm_emails = [\"you@example.com\"], or alarm_topic_arn to an existing SNS topic, or alarms_enabled = false for no alarms."
  }
}

variable "alarm_topic_arn" {
  description = "An existing SNS topic in this region for the alarms; no topic and no subscriptions are created. Its policy must allow cloudwatch.amazonaws.com to publish, and so must the policy of its KMS key, if it is a customer key."
  type        = string
  default     = null
}

variable "budget" {
  description = "A monthly budget that notifies when 80 % are spent, and when the forecast exceeds the budget. monthly_usd: null is the amount of the profile (150 for dev, 1200 for prod) if there are alarm_emails. Without alarm_emails, a budget needs an explicit amount and notifies alarm_topic_arn, whose policy must allow budgets.amazonaws.com to publish. The budget counts all costs of the account. With by_tag it counts only costs with this deployment's tag `deployment`; the owner of the bill must have activated that tag for cost allocation, otherwise the budget never warns. Null: no budget, for example in GovCloud, which has no budgets."
  type = object({
    monthly_usd = optional(number)
    by_tag      = optional(bool, false)
  })
  default = {}
}

variable "lag_alarm_seconds" {
  description = "Lag of a mapping that raises its alarm."
  type        = number
  default     = 300
}

variable "skipped_offsets_alarm" {
  description = "Number of offsets that deliveries to a function may skip in five minutes before the alarm. Null: no alarm, for topics that are compacted or written in transactions."
  type        = number
  default     = 0
}

variable "queue_age_alarm_seconds" {
  description = "Age of the oldest message in a queue that raises its alarm. A failed message becomes visible again after six times the timeout of its function."
  type        = number
  default     = 1800
}
