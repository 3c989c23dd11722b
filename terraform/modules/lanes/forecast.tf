# The forecast lane, if `forecast` is set.

module "forecast" {
  source = "../forecast"
  count  = var.forecast == null ? 0 : 1

  name = "${local.prefix}forecast"

  function = merge(local.function["forecast-fetcher"], {
    environment = local.common_environment
    network     = var.forecast.in_vpc ? var.network : null
  })
  start_after = local.migrated

  base_url             = var.forecast.base_url
  items                = var.forecast.items
  token_secret_arn     = var.forecast.token_secret_arn
  token                = var.forecast_token
  secret_recovery_days = var.secret_recovery_days

  raw_bucket = "${var.bucket_prefix}-raw${var.buckets.suffix}"
  log_bucket = "${var.bucket_prefix}-spark${var.buckets.suffix}"
  buckets    = var.buckets
  lake       = { bucket = var.lake.bucket, bucket_arn = var.lake.bucket_arn }
  table_path = var.lake.job_tables["forecast_72"]
  parked     = { bucket = var.parked.bucket, bucket_arn = var.parked.bucket_arn }
  deployment = { bucket = module.deployment.versioned_name, bucket_arn = module.deployment.arn }

  schedule = {
    expression = var.forecast.schedule
    time_zone  = var.forecast.time_zone
    enabled    = var.schedules_enabled
  }

  job_dir       = var.forecast_job_dir
  lookback_days = var.forecast.lookback_days
  spark_on      = var.spark_on
  spark         = var.forecast.spark

  dead_letter_queue = var.dead_letter_queues
  quick_retries     = var.quick_retries
  alarms            = var.alarms == null ? null : { topic_arns = var.alarms.topic_arns, missed_run_hours = var.forecast.missed_run_hours }
}
