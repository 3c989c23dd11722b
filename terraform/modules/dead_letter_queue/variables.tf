variable "function_name" {
  description = "The function whose failures the queue keeps. The queue is named <function_name>-failed."
  type        = string
}

variable "what" {
  description = "What the queue keeps, as the first words of the alarm's description: `An invocation` or `A message`."
  type        = string
}

variable "alarms" {
  description = "Alarms and the SNS topics that they notify; null for none (on the emulator, every plan would show a change of each alarm)."
  type = object({
    topic_arns = optional(list(string), [])
  })
  default = null
}

variable "kms_key_arn" {
  description = "Customer-managed KMS key that encrypts the messages; null for SQS's own key."
  type        = string
  default     = null
}
