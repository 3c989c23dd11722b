variable "function_name" {
  description = "The function whose failures the queue keeps; the queue is <function_name>-failed."
  type        = string
}

variable "what" {
  description = "What the queue keeps, as the alarm begins: `An invocation`, `A message`."
  type        = string
}

variable "alarms" {
  description = "Alarms and the SNS topics that they notify; null for none (an alarm never plans clean on the emulator)."
  type = object({
    topic_arns = optional(list(string), [])
  })
  default = null
}

variable "kms_key_arn" {
  description = "Key of the owner's that encrypts the messages; null for SQS's own."
  type        = string
  default     = null
}
