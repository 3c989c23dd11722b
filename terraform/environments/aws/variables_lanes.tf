# Which lanes there are, and what all of their functions share.

variable "lanes" {
  description = "Which lanes there are, by function. rooms_generator makes records up: null is true where environment is dev, and false elsewhere. The forecast lane is there with `forecast`. Of a lane that is taken away the topics, tables and buckets stay; its functions, schedule, queues with what is in them, log and token go."
  type = object({
    parquet_writer    = optional(bool, true)
    totals_upserter   = optional(bool, true)
    table_writer      = optional(bool, true)
    bucket_ingester   = optional(bool, true)
    inbox_etl         = optional(bool, true)
    rooms_generator   = optional(bool)
    telemetry_gateway = optional(bool, true)
    live_board        = optional(bool, true)
    lake_keeper       = optional(bool, true)
    reconciler        = optional(bool, true)
  })
  default = {}
}

variable "certificates" {
  description = "When reconciler makes certificates (`schedule`), and how long after its end a window is judged (`grace_minutes`: the lanes must have passed it by then; less than the time between two runs)."
  type = object({
    schedule      = optional(string, "rate(1 hour)")
    grace_minutes = optional(number, 45)
  })
  default = {}
}

variable "held_versions" {
  description = "Functions, by folder name, that go on serving this version when a new one is deployed: { parquet-writer = \"7\" }. scripts/deploy sets it while it tests new versions. Set it here to keep a version after a rollback; take it out to let the function follow again."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for version in values(var.held_versions) : can(regex("^[1-9][0-9]*$", version))])
    error_message = "held_versions names the number of a version for each function: { parquet-writer = \"7\" }."
  }
}

variable "batch_windows" {
  description = "The longest, in seconds (0 to 300), that a record waits for its batch to fill, by kind of lane, where the pipeline file says nothing (batching.window_seconds). A full batch does not wait. On a quiet topic every window is an invocation, and in the lake two objects: 1 everywhere has records in their tables a second later, and costs some $30 a month and topic more (headwater cost)."
  type = object({
    lake   = optional(number, 60)
    totals = optional(number, 10)
    table  = optional(number, 10)
  })
  default = {}
}

variable "upkeep" {
  description = "When lake-keeper looks after the Delta tables: checkpoints and larger files (`schedule`), the end of old files and log entries (`cleaning_schedule`). How it does is said in the pipeline files (lake.upkeep)."
  type = object({
    schedule          = optional(string, "rate(5 minutes)")
    cleaning_schedule = optional(string, "rate(1 day)")
  })
  default = {}
}

variable "permissions_boundary_arn" {
  description = "ARN of a policy that bounds every role that is made; null for none. Accounts whose administrators let others make roles usually require one."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null ? true : can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=,.@_/-]+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn is arn:aws:iam::ACCOUNT:policy/NAME."
  }
}

# ---- Alarms on lanes that fall behind --------------------------------------------------------------------------------

variable "busy_topics" {
  description = "Topics in which records arrive at all times. For these an alarm also tells of a lane that never worked (Kafka has no lag of a group that does not exist) and of one that has stored nothing for stale_alarm_minutes. The topic of rooms_generator is one of them while it runs."
  type        = list(string)
  default     = []
}

variable "lag_alarm_records" {
  description = "How many records a mapping may have before it."
  type        = number
  default     = 1000000
}

variable "stale_alarm_minutes" {
  description = "How long a function may store nothing while records arrive in busy_topics."
  type        = number
  default     = 15
}
