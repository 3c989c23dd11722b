variable "name_prefix" {
  description = "Prefix of every function's name. Empty on the local stack, where a function has the name of its folder."
  type        = string
}

variable "environment" {
  description = "Name of the environment: a dimension of every metric."
  type        = string
}

variable "artifacts_dir" {
  description = "Folder with <function>.zip for every function."
  type        = string
}

variable "bucket_prefix" {
  description = "Prefix of the names of the buckets: <prefix>-deploy for the functions' code, <prefix>-media, <prefix>-inbox, <prefix>-raw and <prefix>-spark for the logs of the Spark job."
  type        = string
}

variable "buckets" {
  description = "Settings of every bucket. The bucket module explains the values of the local stack."
  type = object({
    suffix         = optional(string, "")
    versioning     = optional(bool, true)
    lifecycle_days = optional(number, 30)
    require_tls    = optional(bool, true)
    force_destroy  = optional(bool, false)
  })
  default = {}
}

variable "architecture" {
  description = "arm64 (cheaper) or x86_64 (what the emulator's machine runs)."
  type        = string
}

variable "pipelines" {
  description = "Outputs of the pipelines module. (`any`: pipeline files have sections of their own; kafka_function types its mappings.)"
  type = object({
    json            = string
    topics          = list(object({ name = string }))
    lake_mappings   = any
    totals_mappings = any
    table_mappings  = any
  })
}

variable "inline_limit_bytes" {
  description = "Maximum size of a pipelines document in the environment; a larger one goes to S3."
  type        = number
  default     = 3000

  validation {
    condition     = var.inline_limit_bytes <= 3000
    error_message = "inline_limit_bytes must be at most 3000: Lambda's limit for all variables together is 4 KB, and the other variables need up to 1 KB. (live-board has a lower limit of its own.)"
  }
}

variable "kafka" {
  description = "Output `connection` of the kafka module."
  type = object({
    bootstrap_servers = string
    auth              = string
    cluster_arn       = optional(string)
    cluster_name      = optional(string)
    topics_ready      = optional(list(string), [])
  })
}

variable "warehouse" {
  description = "Outputs of the warehouse module: the connections of administrator, writer and reader."
  type = object({
    administrator = object({
      url        = string
      auth       = string
      iam_user   = optional(string)
      iam_reader = optional(string)
      statements = list(object({ sid = string, actions = list(string), resources = list(string) }))
    })
    writer = object({
      url        = string
      auth       = string
      statements = list(object({ sid = string, actions = list(string), resources = list(string) }))
    })
    reader = object({
      url        = string
      auth       = string
      statements = list(object({ sid = string, actions = list(string), resources = list(string) }))
    })
  })
}

variable "database_ca_pem" {
  description = "Certificates (PEM) of private authorities that are trusted for Postgres. Public authorities and those of Amazon RDS are always trusted. Counts towards the 4 KB of a function's variables."
  type        = string
  default     = ""
  nullable    = false
}

variable "lake" {
  description = "Output `lake` of the lake module."
  type = object({
    root       = string
    bucket     = string
    bucket_arn = string
    tables     = map(string)
    job_tables = optional(map(string), {})
  })
}

variable "parked" {
  description = "Output `parked` of the lake module."
  type = object({
    root       = string
    bucket     = string
    bucket_arn = string
  })
}

variable "network" {
  description = "Subnets and security groups of the functions; null outside a VPC."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
}

variable "enabled" {
  description = "Which lanes exist, by function. forecast-fetcher exists if `forecast` is set, and schema-migrator always exists. If a lane is removed, its tables, buckets and Kafka topics stay; its queue, log and schedule are deleted."
  type = object({
    parquet_writer    = optional(bool, true)
    totals_upserter   = optional(bool, true)
    table_writer      = optional(bool, true)
    bucket_ingester   = optional(bool, true)
    inbox_etl         = optional(bool, true)
    rooms_generator   = optional(bool, true)
    telemetry_gateway = optional(bool, true)
    live_board        = optional(bool, true)
    lake_keeper       = optional(bool, true)
    reconciler        = optional(bool, true)
  })
  default = {}
}

variable "roles" {
  description = "Settings of all roles: `suffix` is appended to each name (IAM is global), and the ARN of a permissions boundary."
  type = object({
    suffix                   = optional(string, "")
    permissions_boundary_arn = optional(string)
  })
  default = {}
}

variable "kms_key_arn" {
  description = "Customer-managed KMS key that encrypts the functions' variables, logs, queues, secrets and buckets; null for AWS's keys."
  type        = string
  default     = null
}

variable "sizes" {
  description = "Memory and timeout of each function. Functions with a queue also have maximum_concurrency, and functions with a URL have reserved_concurrency (-1: no reservation)."
  type = object({
    # Memory holds an event of 6 MB, its Arrow arrays and the Parquet file. A commit that conflicts with others has most
    # of the minute for its retries.
    parquet_writer  = optional(object({ memory_mb = optional(number, 512), timeout_seconds = optional(number, 60) }), {})
    totals_upserter = optional(object({ memory_mb = optional(number, 512), timeout_seconds = optional(number, 60) }), {})
    table_writer    = optional(object({ memory_mb = optional(number, 512), timeout_seconds = optional(number, 60) }), {})
    # The next two read queues, which have no partitions: maximum_concurrency limits their connections to Postgres when
    # many objects arrive.
    bucket_ingester = optional(object({ memory_mb = optional(number, 512), timeout_seconds = optional(number, 120), maximum_concurrency = optional(number, 5) }), {})
    inbox_etl       = optional(object({ memory_mb = optional(number, 256), timeout_seconds = optional(number, 60), maximum_concurrency = optional(number, 5) }), {})
    # It may wait for the advisory lock of another migration.
    schema_migrator = optional(object({ memory_mb = optional(number, 256), timeout_seconds = optional(number, 300) }), {})
    rooms_generator = optional(object({ memory_mb = optional(number, 256), timeout_seconds = optional(number, 60) }), {})
    # A vehicle waits for the answer: the function gets some CPU, and its timeout is shorter than the vehicle's.
    telemetry_gateway = optional(object({ memory_mb = optional(number, 512), timeout_seconds = optional(number, 15), reserved_concurrency = optional(number, -1) }), {})
    live_board        = optional(object({ memory_mb = optional(number, 512), timeout_seconds = optional(number, 30), reserved_concurrency = optional(number, -1) }), {})
    # Memory holds the files of one compaction. A run that reaches its time limit continues in the next run.
    lake_keeper = optional(object({ memory_mb = optional(number, 1024), timeout_seconds = optional(number, 240) }), {})
    # Memory holds two files of the lake and the offsets of a window.
    reconciler = optional(object({ memory_mb = optional(number, 1024), timeout_seconds = optional(number, 600) }), {})
    # Most of the time it waits for the API. It may have to fetch one city after another, with retries.
    forecast_fetcher = optional(object({ memory_mb = optional(number, 256), timeout_seconds = optional(number, 300) }), {})
  })
  default = {}
}

variable "log_level" {
  description = "Minimum level of the functions' log messages."
  type        = string
  default     = "warn"
}

variable "alarms" {
  description = "Alarms and the SNS topics that they notify; null for none (on the emulator, every plan would show a change of each alarm). `early` adds alarms that warn before a failure: throttles, and durations close to the timeout. `lag_seconds` and `lag_records`: the lag that a mapping may have. `age_seconds`: the age that a message in a queue may have. `busy_topics`: topics in which records arrive at all times. `stale_minutes`: how long a function may store nothing from them. `skipped_offsets`: how many offsets deliveries may skip in five minutes; null for any number."
  type = object({
    topic_arns      = optional(list(string), [])
    early           = optional(bool, true)
    lag_seconds     = optional(number, 300)
    lag_records     = optional(number, 1000000)
    busy_topics     = optional(list(string), [])
    stale_minutes   = optional(number, 15)
    age_seconds     = optional(number, 1800)
    skipped_offsets = optional(number)
  })
  default = null
}

variable "create_event_source_mappings" {
  description = "Whether AWS polls the topics and the queues. False on the local stack, whose bridge follows the outputs instead."
  type        = bool
  default     = true
}

variable "versions" {
  description = "Whether functions are published as versions and invoked through the alias `live`, which moves after the migration. False on the local stack, where functions are invoked without an alias and `headwater up` migrates before it applies."
  type        = bool
  default     = true
}

variable "held_versions" {
  description = "Functions, by folder name, whose alias `live` stays at this version while a new one is published beside it. For all other functions, `live` moves to the newest version."
  type        = map(string)
  default     = {}
}

variable "migrate_at_deploy" {
  description = "Whether an apply runs the migrations. False on the local stack, where `headwater up` runs them before it applies and prints the changes."
  type        = bool
  default     = true
}

variable "dead_letter_queues" {
  description = "Whether scheduled functions keep invocations that were given up in a queue. False on the emulator, where the provider waits 25 s for a queue."
  type        = bool
  default     = true
}

variable "existing_dead_letter_queues" {
  description = "Lanes with a queue whose dead-letter queue, <function name>-failed, already exists. A dead-letter queue must exist before its source queue, and the provider waits 25 s for each queue. So `headwater up` creates the dead-letter queues before it applies."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.existing_dead_letter_queues, ["bucket-ingester", "inbox-etl"])) == 0
    error_message = "existing_dead_letter_queues can contain only the lanes with a queue: bucket-ingester and inbox-etl."
  }
}

variable "quick_retries" {
  description = "Whether a failed message is visible again after the function's timeout, instead of six times the timeout, which AWS recommends. True on the local stack, where there is no throttling and developers wait for the retry."
  type        = bool
  default     = false
}

variable "schedules_enabled" {
  description = "Whether schedules run. They are deployed in any case."
  type        = bool
  default     = true
}

variable "rooms" {
  description = "The rooms generator: topic, records per run, and schedule."
  type = object({
    topic    = optional(string, "rooms-v1")
    count    = optional(number, 1000)
    schedule = optional(string, "rate(1 minute)")
  })
  default = {}
}

variable "upkeep" {
  description = "When lake-keeper runs: `schedule` is for checkpoints and compaction, `cleaning_schedule` for vacuum and log clean-up. Further settings are in the pipeline files (`lake.upkeep`)."
  type = object({
    schedule          = optional(string, "rate(5 minutes)")
    cleaning_schedule = optional(string, "rate(1 day)")
  })
  default = {}
}

variable "certificates" {
  description = "When reconciler makes certificates (`schedule`), and how long after its end a window is checked (`grace_minutes`: by then, the lanes must have handled the window; must be less than the time between two runs)."
  type = object({
    schedule      = optional(string, "rate(1 hour)")
    grace_minutes = optional(number, 45)
  })
  default = {}

  validation {
    condition     = var.certificates.grace_minutes >= 0 && var.certificates.grace_minutes <= 1440
    error_message = "certificates.grace_minutes must be 0 to 1440."
  }
}

variable "schema" {
  description = "When schema-migrator runs between deployments. It creates the partitions of the next days and drops expired ones."
  type = object({
    schedule = optional(string, "rate(1 day)")
  })
  default = {}
}

variable "media" {
  description = "The source of bucket-ingester: a created bucket, an existing one (`bucket`), or a web address (`base_url`; functions in a VPC need a network path to it, such as egress `nat`). `list` is the key of the list of files. `sweep` is the schedule that reads the list without a notification. `notifications`: whether to configure the bucket to notify the lane's queue; null is true for a created bucket and false for an existing one. True replaces the whole notification configuration of an existing bucket. With false, its owner can add the queue to that configuration, or rely on the sweep."
  type = object({
    bucket        = optional(string)
    base_url      = optional(string)
    list          = optional(string, "files_list.data")
    sweep         = optional(string, "rate(15 minutes)")
    notifications = optional(bool)
  })
  default = {}

  validation {
    condition     = var.media.bucket == null || var.media.base_url == null
    error_message = "Set media.bucket or media.base_url, not both."
  }

  validation {
    condition     = var.media.base_url == null ? true : can(regex("^https://[^/?#@]+(/[^?#]*)?$", var.media.base_url))
    error_message = "media.base_url must have the form https://host/path, without user, query or fragment."
  }

  validation {
    condition     = var.media.bucket == null ? true : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.media.bucket))
    error_message = "bucket must be the name of an S3 bucket."
  }
}

variable "inbox" {
  description = "The source of inbox-etl: the objects below `prefix` of a created bucket (its objects expire after `expiration_days`; 0 for never), or of an existing bucket (`bucket`; its lifecycle rules are not changed). `sweep` is the schedule that lists the inbox. `notifications`: as for media."
  type = object({
    bucket          = optional(string)
    prefix          = optional(string, "inbox")
    sweep           = optional(string, "rate(1 hour)")
    expiration_days = optional(number, 90)
    notifications   = optional(bool)
  })
  default = {}

  validation {
    condition     = can(regex("^[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*$", var.inbox.prefix))
    error_message = "prefix must be a folder's name or path, without / at the start or the end (it becomes part of IAM policies)."
  }

  validation {
    condition     = var.inbox.bucket == null ? true : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.inbox.bucket))
    error_message = "bucket must be the name of an S3 bucket."
  }

  validation {
    condition     = var.inbox.bucket == null ? true : var.inbox.bucket != coalesce(var.media.bucket, "none")
    error_message = "media.bucket and inbox.bucket must differ, because a bucket has only one notification configuration."
  }
}
