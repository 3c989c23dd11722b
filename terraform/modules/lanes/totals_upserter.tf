module "totals_upserter" {
  source = "../kafka_function"

  name            = local.names["totals-upserter"]
  function_label  = "totals-upserter"
  description     = "Batches of Kafka topics to their totals in Postgres, each record once"
  code            = local.code["totals-upserter"]
  architecture    = var.architecture
  memory_mb       = var.sizes.totals_upserter.memory_mb
  timeout_seconds = var.sizes.totals_upserter.timeout_seconds
  log_level       = var.log_level
  network         = var.network
  alarms          = var.alarms

  environment = merge(local.common_environment, local.database_authorities, local.pipelines_environment, {
    DATABASE_URL  = var.warehouse.writer.url
    DATABASE_AUTH = var.warehouse.writer.auth
    PARKED_ROOT   = var.parked.root
  })

  policy_statements = concat([
    {
      sid       = "ParkRecords"
      actions   = ["s3:PutObject"]
      resources = ["${var.parked.bucket_arn}/parked/totals-upserter/*"]
    },
  ], var.warehouse.writer.statements, local.pipelines_statements)

  mappings                    = var.pipelines.totals_mappings
  create_event_source_mapping = var.create_event_source_mappings
  cluster_arn                 = var.kafka.cluster_arn
  cluster_name                = var.kafka.cluster_name
  failed_batches              = var.parked
  versions                    = var.versions
  start_after                 = concat(var.kafka.topics_ready, local.migrated)
}
