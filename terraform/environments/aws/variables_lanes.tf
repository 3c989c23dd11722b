# Which lanes exist, and the settings that all functions share.

variable "lanes" {
  description = "Which lanes exist, by function. rooms_generator produces test records: null is true if environment is dev, otherwise false. The forecast lane exists if `forecast` is set. If a lane is removed, its topics, tables and buckets stay. Its functions, schedule, queues with their messages, log and token are deleted."
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
  description = "When reconciler makes certificates (`schedule`), and how long after its end a window is checked (`grace_minutes`: the lanes must have passed the window by then; must be less than the time between two runs)."
  type = object({
    schedule      = optional(string, "rate(1 hour)")
    grace_minutes = optional(number, 45)
  })
  default = {}
}

variable "held_versions" {
  description = "Functions, by folder name, that keep this version when a new one is deployed: { parquet-writer = \"7\" }. scripts/deploy sets it while it tests new versions. Set it here to keep a version after a rollback. Remove it to deploy new versions again."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for version in values(var.held_versions) : can(regex("^[1-9][0-9]*$", version))])
    error_message = "held_versions must have a version number for each function: { parquet-writer = \"7\" }."
  }
}

variable "batch_windows" {
  description = "Maximum time, in seconds (0 to 300), that a record waits for its batch to fill, by kind of lane. It applies to pipeline files without batching.window_seconds. A full batch does not wait. On a quiet topic, every window causes an invocation, and in the lake also two objects. With 1 everywhere, records are in their tables after a second, and a topic costs about $30 a month more (headwater cost)."
  type = object({
    lake   = optional(number, 60)
    totals = optional(number, 10)
    table  = optional(number, 10)
  })
  default = {}
}

variable "upkeep" {
  description = "When lake-keeper runs: for checkpoints and compaction (`schedule`), and to delete old files and log entries (`cleaning_schedule`). The pipeline files have further settings (lake.upkeep)."
  type = object({
    schedule          = optional(string, "rate(5 minutes)")
    cleaning_schedule = optional(string, "rate(1 day)")
  })
  default = {}
}

variable "permissions_boundary_arn" {
  description = "ARN of the permissions boundary of every created role. Null: none. Accounts in which non-administrators create roles usually require one."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null ? true : can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=,.@_/-]+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must have the form arn:aws:iam::ACCOUNT:policy/NAME."
  }
}

# ---- Alarms on lanes that fall behind --------------------------------------------------------------------------------

variable "busy_topics" {
  description = "Topics that receive records at all times. For these topics, additional alarms report a lane that never worked (Kafka has no lag for a group that does not exist) and a lane that has stored nothing for stale_alarm_minutes. The topic of rooms_generator is included while the generator runs."
  type        = list(string)
  default     = []
}

variable "lag_alarm_records" {
  description = "Number of waiting records of a mapping that raises its alarm."
  type        = number
  default     = 1000000
}

variable "stale_alarm_minutes" {
  description = "Minutes without a stored record, while records arrive in busy_topics, that raise the alarm."
  type        = number
  default     = 15
}
