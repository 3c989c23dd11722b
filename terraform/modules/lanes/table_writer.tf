module "table_writer" {
  source = "../kafka_function"

  name            = local.names["table-writer"]
  function_label  = "table-writer"
  description     = "Batches of Kafka topics to their tables in Postgres, each record a row and once"
  code            = local.code["table-writer"]
  architecture    = var.architecture
  memory_mb       = var.sizes.table_writer.memory_mb
  timeout_seconds = var.sizes.table_writer.timeout_seconds
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
      resources = ["${var.parked.bucket_arn}/parked/table-writer/*"]
    },
  ], var.warehouse.writer.statements, local.pipelines_statements)

  mappings                    = var.pipelines.table_mappings
  create_event_source_mapping = var.create_event_source_mappings
  cluster_arn                 = var.kafka.cluster_arn
  cluster_name                = var.kafka.cluster_name
  failed_batches              = var.parked
  versions                    = var.versions
  start_after                 = concat(var.kafka.topics_ready, local.migrated)
}
