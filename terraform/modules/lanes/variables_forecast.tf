# The forecast lane.

variable "forecast" {
  description = "The forecast lane: the API's address (base_url), the cities (items), the secret with its token (token_secret_arn; null makes an empty one), when it runs (schedule, time_zone), how old a raw object the job still takes (lookback_days, 0 for any age), the hours without a successful run that are too many (null for any number), whether it runs in the VPC (which then needs a NAT), and Spark's sizes: see the forecast module. Null: there is no such lane."
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
  description = "Folder of the Spark job: emr/forecast_72 of the repository. Needed with `forecast`."
  type        = string
  default     = null
}

variable "forecast_token" {
  description = "The forecast API's token, on the local stack. In AWS it is put into the secret by hand, so that no state holds it."
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
  description = "Days that a deleted secret can be recovered. 0 where the name is wanted again at once."
  type        = number
  default     = 30
}
