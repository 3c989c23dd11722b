variable "host" {
  description = "The operators' host: an EC2 instance in a private subnet, reached by Session Manager. enabled: null is true in profile prod, false in dev. stop_schedule and start_schedule: cron(…) in time_zone, both or neither. ami_id: null: the newest Amazon Linux 2023 when the instance is created. kms_key_arn encrypts its disk. decrypt_key_arns: KMS keys of existing buckets and secrets that operators read."
  type = object({
    enabled          = optional(bool)
    instance_type    = optional(string)
    volume_gb        = optional(number)
    ami_id           = optional(string)
    kms_key_arn      = optional(string)
    decrypt_key_arns = optional(list(string), [])
    patch_schedule   = optional(string)
    stop_schedule    = optional(string)
    start_schedule   = optional(string)
    time_zone        = optional(string, "UTC")
  })
  default = {}

  validation {
    condition     = (var.host.stop_schedule == null) == (var.host.start_schedule == null)
    error_message = "Set both stop_schedule and start_schedule, or neither: without start_schedule a stopped host stays stopped."
  }
}
