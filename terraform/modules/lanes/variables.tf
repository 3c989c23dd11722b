variable "name_prefix" {
  description = "Begins every function's name; empty on the local stack, where a function carries its folder's name."
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
  description = "Begins the names of the buckets: <prefix>-deploy for the functions' code, <prefix>-media, <prefix>-inbox, <prefix>-raw and <prefix>-spark for the logs of the Spark job."
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
  description = "The largest pipelines document that goes into the environment; a larger one goes to S3."
  type        = number
  default     = 3000

  validation {
    condition     = var.inline_limit_bytes <= 3000
    error_message = "Lambda gives 4 KB to all variables together, and the others need up to 1 KB: at most 3000. (live-board, which needs more, has its own share: see there.)"
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
  description = "Outputs of the warehouse module: who migrates, who writes, who reads."
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
  description = "Certificates (PEM) of further authorities that Postgres' certificate may be of. Public ones and those of Amazon RDS are known; a private authority is named here. Counts towards the 4 KB of a function's variables."
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
  description = "Which lanes there are, by function; forecast-fetcher is there with `forecast`, and schema-migrator always. Of a lane that is taken away the tables, buckets and Kafka topics stay; its queue, log and schedule go."
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
  description = "Every role: `suffix` follows its name (IAM is one for all regions), and the ARN of a permissions boundary."
  type = object({
    suffix                   = optional(string, "")
    permissions_boundary_arn = optional(string)
  })
  default = {}
}

variable "kms_key_arn" {
  description = "A key of the owner's that encrypts functions' variables, logs, queues, secrets and buckets; null for keys of AWS."
  type        = string
  default     = null
}

variable "sizes" {
  description = "Memory and timeout of each function; for those behind a URL also the invocations at once (-1 for no bound of their own)."
  type = object({
    # 6 MB of event, its Arrow arrays and the Parquet file at once; a commit that loses races has most of the minute to win.
    parquet_writer  = optional(object({ memory_mb = optional(number, 512), timeout_seconds = optional(number, 60) }), {})
    totals_upserter = optional(object({ memory_mb = optional(number, 512), timeout_seconds = optional(number, 60) }), {})
    table_writer    = optional(object({ memory_mb = optional(number, 512), timeout_seconds = optional(number, 60) }), {})
    # Fed by queues, which know no partitions: maximum_concurrency keeps a rush of objects within Postgres' connections.
    bucket_ingester = optional(object({ memory_mb = optional(number, 512), timeout_seconds = optional(number, 120), maximum_concurrency = optional(number, 5) }), {})
    inbox_etl       = optional(object({ memory_mb = optional(number, 256), timeout_seconds = optional(number, 60), maximum_concurrency = optional(number, 5) }), {})
    # Waits for the advisory lock while another one migrates.
    schema_migrator = optional(object({ memory_mb = optional(number, 256), timeout_seconds = optional(number, 300) }), {})
    rooms_generator = optional(object({ memory_mb = optional(number, 256), timeout_seconds = optional(number, 60) }), {})
    # A vehicle waits for the answer: some CPU, and an end before its own patience has one.
    telemetry_gateway = optional(object({ memory_mb = optional(number, 512), timeout_seconds = optional(number, 15), reserved_concurrency = optional(number, -1) }), {})
    live_board        = optional(object({ memory_mb = optional(number, 512), timeout_seconds = optional(number, 30), reserved_concurrency = optional(number, -1) }), {})
    # Memory holds the files that are joined at a time; a run that is out of time goes on with the next one.
    lake_keeper = optional(object({ memory_mb = optional(number, 1024), timeout_seconds = optional(number, 240) }), {})
    # Memory holds two files of the lake at a time, and the offsets of a window.
    reconciler = optional(object({ memory_mb = optional(number, 1024), timeout_seconds = optional(number, 600) }), {})
    # Most of the time is waiting for the API, a city after the other where it is slow, and tries again.
    forecast_fetcher = optional(object({ memory_mb = optional(number, 256), timeout_seconds = optional(number, 300) }), {})
  })
  default = {}
}

variable "log_level" {
  description = "Least severe level that functions log."
  type        = string
  default     = "warn"
}

variable "alarms" {
  description = "Alarms and the SNS topics that they notify; null for none (on the emulator, every plan would show a change of each alarm). `early` adds alarms that warn before a failure: throttles, and durations close to the timeout. How far behind a mapping (`lag_seconds`, `lag_records`) and how old a message may be (`age_seconds`), in which topics records arrive at all times (`busy_topics`) and how long nothing of them may be stored (`stale_minutes`), and how many offsets deliveries may skip in five minutes (`skipped_offsets`, null for any number)."
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
  description = "Whether functions are published as versions, and invoked by the alias `live`, which moves after the migration. False on the local stack: the bridge and its users invoke a function by its plain name, and `headwater up` migrates before it applies."
  type        = bool
  default     = true
}

variable "held_versions" {
  description = "Functions, by folder name, whose alias `live` stays at this version while a new one is published beside it. A function that is not named here serves its newest version."
  type        = map(string)
  default     = {}
}

variable "migrate_at_deploy" {
  description = "Whether applying runs the migrations. False on the local stack, where `headwater up` does so before it applies, and shows what was changed."
  type        = bool
  default     = true
}

variable "dead_letter_queues" {
  description = "Whether scheduled functions keep given-up invocations in a queue. False on the emulator, where the provider waits 25 s for one."
  type        = bool
  default     = true
}

variable "existing_dead_letter_queues" {
  description = "Lanes fed by a queue whose dead-letter queue, <function's name>-failed, is there already. SQS wants it before the queue that names it, and the provider waits 25 s for each: `headwater up` makes them before it applies."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.existing_dead_letter_queues, ["bucket-ingester", "inbox-etl"])) == 0
    error_message = "existing_dead_letter_queues names lanes that a queue feeds: bucket-ingester, inbox-etl."
  }
}

variable "quick_retries" {
  description = "Whether a message that failed comes back after the function's timeout, and not after the six times of it that AWS advises. True on the local stack, where nobody throttles and somebody waits for the retry."
  type        = bool
  default     = false
}

variable "schedules_enabled" {
  description = "Whether schedules run. They are deployed in any case."
  type        = bool
  default     = true
}

variable "rooms" {
  description = "The rooms generator: topic, records per run, when."
  type = object({
    topic    = optional(string, "rooms-v1")
    count    = optional(number, 1000)
    schedule = optional(string, "rate(1 minute)")
  })
  default = {}
}

variable "upkeep" {
  description = "When lake-keeper looks after the Delta tables: checkpoints and larger files (`schedule`), the end of old files and log entries (`cleaning_schedule`). How it does is said in the pipeline files (`lake.upkeep`)."
  type = object({
    schedule          = optional(string, "rate(5 minutes)")
    cleaning_schedule = optional(string, "rate(1 day)")
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

  validation {
    condition     = var.certificates.grace_minutes >= 0 && var.certificates.grace_minutes <= 1440
    error_message = "certificates.grace_minutes must be 0 to 1440."
  }
}

variable "schema" {
  description = "When schema-migrator runs between deployments, to make the next days' partitions and drop those that are too old."
  type = object({
    schedule = optional(string, "rate(1 day)")
  })
  default = {}
}

variable "media" {
  description = "What bucket-ingester reads: a bucket that is made, an existing one (`bucket`), or a web address (`base_url`; functions in a VPC need a way to it, such as egress `nat`). `list` is the key of the list of files, `sweep` when the list is read anyway. `notifications`: whether the bucket notifies the lane's queue; null is yes for a bucket that is made and no for an existing one, whose whole notification configuration would be replaced: its owner says true, or names the queue in a configuration of his own, or leaves it to the sweep."
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
    error_message = "media is a bucket or a base_url, not both."
  }

  validation {
    condition     = var.media.base_url == null ? true : can(regex("^https://[^/?#@]+(/[^?#]*)?$", var.media.base_url))
    error_message = "base_url is https://host/path, without user, query or fragment."
  }

  validation {
    condition     = var.media.bucket == null ? true : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.media.bucket))
    error_message = "bucket is a bucket's name."
  }
}

variable "inbox" {
  description = "What inbox-etl reads: the objects under `prefix` of a bucket that is made (its objects go after `expiration_days`; 0 for never), or of an existing one (`bucket`; its owner's lifecycle stays as it is). `sweep` is when the inbox is listed anyway, `notifications` as for media."
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
    error_message = "prefix is a folder's name or path, without / at the start or the end (it becomes part of IAM policies)."
  }

  validation {
    condition     = var.inbox.bucket == null ? true : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.inbox.bucket))
    error_message = "bucket is a bucket's name."
  }

  validation {
    condition     = var.inbox.bucket == null ? true : var.inbox.bucket != coalesce(var.media.bucket, "none")
    error_message = "Media and inbox are two buckets: one bucket has one notification configuration."
  }
}
