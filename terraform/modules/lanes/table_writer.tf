module "table_writer" {
  source = "../kafka_function"
  count  = var.enabled.table_writer ? 1 : 0

  function = merge(local.function["table-writer"], {
    description = "Batches of Kafka topics to their tables in Postgres, each record a row and once"

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
  })

  function_label              = "table-writer"
  alarms                      = var.alarms
  mappings                    = var.pipelines.table_mappings
  create_event_source_mapping = var.create_event_source_mappings
  cluster_arn                 = var.kafka.cluster_arn
  cluster_name                = var.kafka.cluster_name
  failed_batches              = var.parked
  start_after                 = concat(var.kafka.topics_ready, local.migrated)
}
