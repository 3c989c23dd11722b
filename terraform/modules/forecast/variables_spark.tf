# The Spark job: where it runs, its code and its size.

variable "spark_on" {
  description = "`emr`: EMR Serverless. `activity`: whoever serves the activity, which is `headwater` on the local stack; the emulator has no EMR Serverless."
  type        = string
  default     = "emr"

  validation {
    condition     = contains(["emr", "activity"], var.spark_on)
    error_message = "spark_on must be emr or activity."
  }
}

variable "job_dir" {
  description = "Folder of the Spark job: job.py is the entry, the other *.py go along with it, table.json describes the table."
  type        = string

  validation {
    condition     = fileexists("${var.job_dir}/job.py") && fileexists("${var.job_dir}/table.json")
    error_message = "There is no job.py or no table.json in ${var.job_dir}: name the folder emr/forecast_72 of the repository."
  }
}

variable "lookback_days" {
  description = "How old a raw object may be for the job to look at it; 0 for any age. A run after failed ones catches up with these days."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.lookback_days >= 0 && floor(var.lookback_days) == var.lookback_days
    error_message = "lookback_days must be a number of days, or 0 for all."
  }
}

variable "spark" {
  description = "EMR Serverless: the release (from emr-7.11.0 it carries Spark 3.5.6 and Delta 3.3.2, with which the job is tested), the most that all workers have together, the minutes until an idle application stops, the longest run, the workers' sizes, workers that are kept ready (and paid; 0 for none), and the days that logs stay."
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
    error_message = "A worker has 1, 2 or 4 vCPU and 2 to 8 GB for each of them (30 GB at most): EMR Serverless has no other sizes so small."
  }

  validation {
    condition     = var.spark.executor.most >= 1 && var.spark.ready_workers >= 0
    error_message = "A job has one executor at least, and ready_workers is 0 or more."
  }

  validation {
    condition = (
      var.spark.maximum.cpu >= var.spark.driver.cpu + var.spark.executor.cpu &&
      var.spark.maximum.memory_gb >= var.spark.driver.memory_gb + var.spark.executor.memory_gb &&
      var.spark.maximum.disk_gb >= 40
    )
    error_message = "maximum holds a driver and an executor at least (20 GB of disk each): with less, a job waits until its timeout."
  }

  validation {
    condition     = var.spark.idle_minutes >= 1 && var.spark.idle_minutes <= 10080
    error_message = "idle_minutes must be 1 to 10080."
  }

  validation {
    condition     = var.spark.timeout_minutes >= 5 && var.spark.timeout_minutes <= 1440
    error_message = "timeout_minutes must be 5 to 1440. (EMR takes no 0 for `no limit` since 7.11.)"
  }

  validation {
    condition     = var.spark.log_days >= 1
    error_message = "log_days must be 1 or more: logs always expire."
  }
}

variable "log_bucket" {
  description = "Name of the bucket of Spark's logs that is made; null where Spark does not run on EMR Serverless."
  type        = string
  default     = null

  validation {
    condition     = var.spark_on != "emr" || var.log_bucket != null
    error_message = "With spark_on emr, name the log_bucket."
  }
}
