variable "name" {
  description = "Prefix of every name in the account."
  type        = string
  default     = "headwater"

  validation {
    condition     = length(var.name) <= 16 && can(regex("^[a-z](-?[a-z0-9])+$", var.name))
    error_message = "name must have 2 to 16 lower-case letters, digits and single hyphens, begin with a letter and not end with a hyphen (names of buckets, roles and the database follow from it)."
  }
}

variable "environment" {
  description = "The environment, such as dev or prod: part of every name, and a dimension of every metric."
  type        = string
  default     = "dev"

  validation {
    condition     = can(regex("^[a-z0-9]{1,8}$", var.environment))
    error_message = "environment must have 1 to 8 lower-case letters and digits."
  }
}

variable "region" {
  description = "The region of the deployment."
  type        = string
}

variable "tags" {
  description = "Additional tags on all resources, such as cost-center (except topics and the gateway's secret, which Cloud Control creates). Headwater itself sets project, environment and deployment."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.tags), ["project", "environment", "deployment"])) == 0 && length(var.tags) <= 40
    error_message = "tags must have at most 40 entries, and must not have project, environment or deployment: Headwater sets these three, and the budget and the deployer's permissions depend on them."
  }
}

variable "artifacts_dir" {
  description = "Folder with <function>.zip for every function (absolute, or relative to where Terraform runs)."
  type        = string
}

variable "architecture" {
  description = "Processor architecture of the zips. arm64 costs 20 % less."
  type        = string
  default     = "arm64"
}

variable "pipelines_dir" {
  description = "Folder of the pipeline files. Null: pipelines/ of the repository."
  type        = string
  default     = null
}

# ---- Kafka -----------------------------------------------------------------------------------------------------------

variable "existing_kafka" {
  description = "An existing MSK cluster: cluster_arn, and optionally bootstrap_servers (otherwise they are looked up). Null creates a cluster."
  type = object({
    cluster_arn       = string
    bootstrap_servers = optional(string)
    auth              = optional(string, "msk-iam")
  })
  default = null
}

variable "manage_topics" {
  description = "Whether to create the topics in an existing cluster, too."
  type        = bool
  default     = false
}

variable "kafka" {
  description = "Settings of the created cluster that differ from the profile: kafka_version, instance_type, brokers (a multiple of the zones), volume_gb, maximum_volume_gb, kms_key_arn, monitoring. See the kafka module."
  type = object({
    kafka_version = optional(string)
    instance_type = optional(string)
    brokers       = optional(number)
    volume_gb     = optional(number)
    kms_key_arn   = optional(string)
    monitoring    = optional(string)

    maximum_volume_gb = optional(number)
  })
  default = {}
}

# ---- Postgres --------------------------------------------------------------------------------------------------------

variable "existing_database" {
  description = "An existing Postgres: how functions sign in (auth = secret with secret_arn, or iam with resource_id), and the user of functions that only read (reader: user, and with auth secret its own secret_arn; null: the same user as the others). Null creates an RDS instance."
  type = object({
    auth        = optional(string, "secret")
    secret_arn  = optional(string)
    resource_id = optional(string)
    reader      = optional(object({ user = string, secret_arn = optional(string) }))
  })
  default = null
}

variable "existing_database_url" {
  description = "postgres://user@host:port/database of the existing Postgres."
  type        = string
  default     = null
  sensitive   = true
}

variable "database_ca_pem" {
  description = "Certificates (PEM) of a private authority that issued the certificate of Postgres. Public authorities and those of Amazon RDS are trusted already. Counts towards the 4 KB of a function's variables."
  type        = string
  default     = ""
  nullable    = false
}

variable "database" {
  description = "Settings of the created RDS instance that differ from the profile: see the warehouse module."
  type = object({
    engine_version       = optional(string)
    class                = optional(string)
    database             = optional(string)
    administrator        = optional(string)
    writer               = optional(string)
    reader               = optional(string)
    storage_gb           = optional(number)
    maximum_storage_gb   = optional(number)
    multi_az             = optional(bool)
    backup_days          = optional(number)
    performance_insights = optional(bool)
    kms_key_arn          = optional(string)

    allow_major_version_upgrade = optional(bool)
    apply_immediately           = optional(bool)
  })
  default = {}
}

# ---- Functions -------------------------------------------------------------------------------------------------------

variable "sizes" {
  description = "Per function, if the defaults do not fit: memory, timeout, maximum_concurrency (limit of concurrent invocations from a queue) and reserved_concurrency (limit of concurrent invocations from a URL; null: the limit of the profile if the quota of the account allows a reservation; -1: no limit)."
  type = object({
    parquet_writer    = optional(object({ memory_mb = optional(number, 512), timeout_seconds = optional(number, 60) }), {})
    totals_upserter   = optional(object({ memory_mb = optional(number, 512), timeout_seconds = optional(number, 60) }), {})
    table_writer      = optional(object({ memory_mb = optional(number, 512), timeout_seconds = optional(number, 60) }), {})
    bucket_ingester   = optional(object({ memory_mb = optional(number, 512), timeout_seconds = optional(number, 120), maximum_concurrency = optional(number, 5) }), {})
    inbox_etl         = optional(object({ memory_mb = optional(number, 256), timeout_seconds = optional(number, 60), maximum_concurrency = optional(number, 5) }), {})
    schema_migrator   = optional(object({ memory_mb = optional(number, 256), timeout_seconds = optional(number, 300) }), {})
    rooms_generator   = optional(object({ memory_mb = optional(number, 256), timeout_seconds = optional(number, 60) }), {})
    telemetry_gateway = optional(object({ memory_mb = optional(number, 512), timeout_seconds = optional(number, 15), reserved_concurrency = optional(number) }), {})
    live_board        = optional(object({ memory_mb = optional(number, 512), timeout_seconds = optional(number, 30), reserved_concurrency = optional(number) }), {})
    forecast_fetcher  = optional(object({ memory_mb = optional(number, 256), timeout_seconds = optional(number, 300) }), {})
    lake_keeper       = optional(object({ memory_mb = optional(number, 1024), timeout_seconds = optional(number, 240) }), {})
    reconciler        = optional(object({ memory_mb = optional(number, 1024), timeout_seconds = optional(number, 600) }), {})
  })
  default = {}
}

variable "log_level" {
  description = "Minimum log level of the functions."
  type        = string
  default     = "warn"
}

variable "schedules_enabled" {
  description = "Whether schedules are enabled."
  type        = bool
  default     = true
}

variable "rooms" {
  description = "The rooms generator: topic, records per run, schedule."
  type = object({
    topic    = optional(string, "rooms-v1")
    count    = optional(number, 1000)
    schedule = optional(string, "rate(1 minute)")
  })
  default = {}
}

variable "telemetry" {
  description = "telemetry-gateway: its topic; auth: token (vehicles send the token of a created secret, or of token_secret_arn) or iam (they sign their requests); body_limit_bytes, produce_timeout_seconds."
  type = object({
    topic                   = optional(string, "telemetry-v1")
    auth                    = optional(string, "token")
    token_secret_arn        = optional(string)
    body_limit_bytes        = optional(number, 1048576)
    produce_timeout_seconds = optional(number, 5)
  })
  default = {}

  validation {
    condition     = var.telemetry.auth != "none"
    error_message = "The URL is public: auth must be token or iam. none is for the local stack only."
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
  description = "What bucket-ingester reads: a created bucket, an existing bucket (bucket), or a web address (base_url: https://…, with network = { egress = \"nat\" } or \"nat_instance\"). list is the key of the list of files. sweep is the schedule that reads the list (null: every 15 minutes, in profile dev every 6 hours). notifications: whether the bucket notifies the lane's queue; null is true for a created bucket and false for an existing one. True replaces the whole notification configuration of an existing bucket."
  type = object({
    bucket        = optional(string)
    base_url      = optional(string)
    list          = optional(string, "files_list.data")
    sweep         = optional(string)
    notifications = optional(bool)
  })
  default = {}
}

variable "inbox" {
  description = "What inbox-etl reads: objects under prefix of a created bucket (deleted after expiration_days; 0: never), or of an existing bucket (bucket; its lifecycle rules are not changed). sweep is the schedule that lists the inbox (null: every hour, in profile dev every 6 hours). notifications: as for media."
  type = object({
    bucket          = optional(string)
    prefix          = optional(string, "inbox")
    sweep           = optional(string)
    expiration_days = optional(number, 90)
    notifications   = optional(bool)
  })
  default = {}
}

variable "forecast" {
  description = "The forecast lane: base_url of the API (https://…), items (the cities' ids), token_secret_arn (null creates an empty secret; you set its value), schedule and time_zone, table_path in the lake, lookback_days, missed_run_hours, in_vpc (true needs a path to the internet: network = { egress = \"nat\" } or \"nat_instance\"), spark (release and sizes: see the forecast module). Null, the default: no forecast lane, because there is no API that every user can call, and every run is billed."
  type = object({
    base_url         = string
    items            = list(string)
    token_secret_arn = optional(string)
    schedule         = optional(string)
    time_zone        = optional(string)
    table_path       = optional(string, "forecast_72")
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

  validation {
    condition     = var.forecast == null ? true : startswith(var.forecast.base_url, "https://")
    error_message = "base_url must begin with https://, because requests contain the token in the URL."
  }

  validation {
    # A null egress means a NAT instance in profile dev.
    condition     = try(var.forecast.in_vpc, false) ? coalesce(var.network.egress, coalesce(var.profile, var.environment) == "prod" ? "endpoints" : "nat_instance") != "endpoints" || var.network.existing != null : true
    error_message = "in_vpc needs a network path to the API: set network = { egress = \"nat\" }, or use an existing VPC that has one."
  }
}

variable "forecast_job_dir" {
  description = "Folder of the Spark job. Null: emr/forecast_72 of the repository."
  type        = string
  default     = null
}
