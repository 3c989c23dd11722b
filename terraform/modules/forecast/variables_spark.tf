# The Spark job: where it runs, its code and its size.

variable "spark_on" {
  description = "`emr`: Spark runs on EMR Serverless. `activity`: the headwater command runs Spark as a Step Functions activity; for the local stack, because the emulator has no EMR Serverless."
  type        = string
  default     = "emr"

  validation {
    condition     = contains(["emr", "activity"], var.spark_on)
    error_message = "spark_on must be emr or activity."
  }
}

variable "job_dir" {
  description = "Folder of the Spark job: job.py is the entry point, the other *.py files are its modules, and table.json describes the table."
  type        = string

  validation {
    condition     = fileexists("${var.job_dir}/job.py") && fileexists("${var.job_dir}/table.json")
    error_message = "There is no job.py or no table.json in ${var.job_dir}: name the folder emr/forecast_72 of the repository."
  }
}

variable "lookback_days" {
  description = "Maximum age, in days, of the raw objects that the job reads; 0 for no limit. After failed runs, the next run reads the objects of these days."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.lookback_days >= 0 && floor(var.lookback_days) == var.lookback_days
    error_message = "lookback_days must be a number of days, or 0 for all."
  }
}

variable "spark" {
  description = "Settings of EMR Serverless: the release (emr-7.11.0 and later contain Spark 3.5.6 and Delta 3.3.2, with which the job is tested), the maximum of all workers together, the minutes until an idle application stops, the timeout of a job, the sizes of driver and executors, the number of pre-initialized workers (billed while the application runs; 0 for none), and the days until logs expire."
  type = object({
    release_label   = optional(string, "emr-7.12.0")
    architecture    = optional(string, "arm64")
    maximum         = optional(object({ cpu = optional(number, 4), memory_gb = optional(number, 16), disk_gb = optional(number, 80) }), {})
    idle_minutes    = optional(number, 5)
    timeout_minutes = optional(number, 30)
    driver          = optional(object({ cpu = optional(number, 1), memory_gb = optional(number, 4) }), {})
    executor        = optional(object({ cpu = optional(number, 1), memory_gb = optional(number, 4), most = optional(number, 2) }), {})
    ready_workers   = optional(number, 0)
    log_days        = optional(number, 30)
  })
  default = {}

  validation {
    condition     = can(regex("^emr-7\\.(1[1-9]|[2-9][0-9])\\.[0-9]+$", var.spark.release_label))
    error_message = "release_label must be emr-7.11.0 or newer of the 7 series: older ones have another Delta, and before 7.10 another S3 client that needs other permissions."
  }

  validation {
    condition     = contains(["arm64", "x86_64"], var.spark.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }

  validation {
    condition = alltrue([
      for worker in [var.spark.driver, var.spark.executor] :
      contains([1, 2, 4], worker.cpu) && worker.memory_gb >= 2 * worker.cpu && worker.memory_gb <= min(8 * worker.cpu, 30)
    ])
    error_message = "A worker must have 1, 2 or 4 vCPU, and 2 to 8 GB per vCPU (30 GB at most). EMR Serverless offers no other sizes in this range."
  }

  validation {
    condition     = var.spark.executor.most >= 1 && var.spark.ready_workers >= 0
    error_message = "executor.most must be at least 1, and ready_workers must be 0 or more."
  }

  validation {
    condition = (
      var.spark.maximum.cpu >= var.spark.driver.cpu + var.spark.executor.cpu &&
      var.spark.maximum.memory_gb >= var.spark.driver.memory_gb + var.spark.executor.memory_gb &&
      var.spark.maximum.disk_gb >= 40
    )
    error_message = "maximum must have room for a driver and an executor (20 GB of disk each). With less, a job waits until its timeout."
  }

  validation {
    condition     = var.spark.idle_minutes >= 1 && var.spark.idle_minutes <= 10080
    error_message = "idle_minutes must be 1 to 10080."
  }

  validation {
    condition     = var.spark.timeout_minutes >= 5 && var.spark.timeout_minutes <= 1440
    error_message = "timeout_minutes must be 5 to 1440. (Since 7.11, EMR does not accept 0 for no limit.)"
  }

  validation {
    condition     = var.spark.log_days >= 1
    error_message = "log_days must be 1 or more: logs always expire."
  }
}

variable "log_bucket" {
  description = "Name of the bucket to create for Spark's logs; null if Spark does not run on EMR Serverless."
  type        = string
  default     = null

  validation {
    condition     = var.spark_on != "emr" || var.log_bucket != null
    error_message = "With spark_on = emr, set log_bucket."
  }
}
