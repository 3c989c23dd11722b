# The local stack. It applies the same modules as the environment aws, but to an emulator of AWS. Kafka and Postgres run
# as separate processes. The descriptions of the variables explain the differences.

locals {
  name    = "headwater"
  buckets = { versioning = false, lifecycle_days = 0, require_tls = false, force_destroy = true }
}

module "pipelines" {
  source    = "../../modules/pipelines"
  directory = coalesce(var.pipelines_dir, "${path.module}/../../../pipelines")
}

module "kafka" {
  source = "../../modules/kafka"
  name   = local.name

  existing = {
    bootstrap_servers = var.kafka_bootstrap_servers
    auth              = "plaintext"
  }
}

module "warehouse" {
  source = "../../modules/warehouse"
  name   = local.name

  existing             = { auth = "secret" }
  existing_url         = var.database_url
  secret_recovery_days = 0
}

module "lake" {
  source      = "../../modules/lake"
  name_prefix = local.name
  buckets     = local.buckets
  tables      = module.pipelines.lake_tables
  job_tables  = { forecast_72 = "forecast_72" }
}

module "lanes" {
  source        = "../../modules/lanes"
  name_prefix   = ""
  environment   = "local"
  artifacts_dir = var.artifacts_dir
  architecture  = var.architecture
  log_level     = var.log_level

  bucket_prefix = local.name
  buckets       = local.buckets
  inbox         = { expiration_days = 0 }
  telemetry     = { auth = "none" } # the emulator is reachable only from this machine
  board         = { auth = "none" }

  pipelines = module.pipelines
  kafka     = module.kafka.connection
  warehouse = module.warehouse
  lake      = module.lake.lake
  parked    = module.lake.parked

  create_event_source_mappings = false
  versions                     = false
  migrate_at_deploy            = false
  dead_letter_queues           = false
  existing_dead_letter_queues  = var.existing_dead_letter_queues
  quick_retries                = true
  url_invoke_permissions       = false
  schedules_enabled            = var.schedules_enabled
  secret_recovery_days         = 0

  spark_on         = "activity"
  forecast         = { base_url = var.forecast.url, items = var.forecast.items }
  forecast_token   = var.forecast.token
  forecast_job_dir = coalesce(var.forecast_job_dir, "${path.module}/../../../emr/forecast_72")
}
