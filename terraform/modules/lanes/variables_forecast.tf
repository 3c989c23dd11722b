# The forecast lane.

variable "forecast" {
  description = "The forecast lane. base_url: address of the API. items: ids of the cities. token_secret_arn: secret with the API's token; null creates an empty one. schedule, time_zone: when it runs. lookback_days: maximum age of the raw objects that the job reads; 0 for no limit. missed_run_hours: hours without a successful run that raise an alarm; null for no such alarm. in_vpc: whether it runs in the VPC, which then needs a NAT. spark: sizes, see the forecast module. Null: no forecast lane."
  type = object({
    base_url         = string
    items            = list(string)
    token_secret_arn = optional(string)
    schedule         = optional(string)
    time_zone        = optional(string)
    lookback_days    = optional(number)
    missed_run_hours = optional(number, 25)
    in_vpc           = optional(bool, false)
    spark = optional(object({
      release_label   = optional(string)
      architecture    = optional(string)
      maximum         = optional(object({ cpu = optional(number), memory_gb = optional(number), disk_gb = optional(number) }))
      idle_minutes    = optional(number)
      timeout_minutes = optional(number)
      driver          = optional(object({ cpu = optional(number), memory_gb = optional(number) }))
      executor        = optional(object({ cpu = optional(number), memory_gb = optional(number), most = optional(number) }))
      ready_workers   = optional(number)
      log_days        = optional(number)
    }), {})
  })
  default = null
}

variable "forecast_job_dir" {
  description = "Folder of the Spark job: emr/forecast_72 of the repository. Required with `forecast`."
  type        = string
  default     = null
}

variable "forecast_token" {
  description = "The forecast API's token, for the local stack only. In AWS the operator sets the value of the secret, so it is in no state."
  type        = string
  default     = null
  sensitive   = true
}

variable "spark_on" {
  description = "Where Spark runs: `emr` (EMR Serverless) or `activity` (the local stack; the emulator has no EMR Serverless)."
  type        = string
  default     = "emr"
}

variable "secret_recovery_days" {
  description = "Days for which a deleted secret can be recovered. 0 allows the name to be reused at once."
  type        = number
  default     = 30
}
