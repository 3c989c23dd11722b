module "totals_upserter" {
  source = "../kafka_function"
  count  = var.enabled.totals_upserter ? 1 : 0

  function = merge(local.function["totals-upserter"], {
    description = "Batches of Kafka topics to their totals in Postgres, each record once"

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
  })

  function_label              = "totals-upserter"
  alarms                      = var.alarms
  mappings                    = var.pipelines.totals_mappings
  create_event_source_mapping = var.create_event_source_mappings
  cluster_arn                 = var.kafka.cluster_arn
  cluster_name                = var.kafka.cluster_name
  failed_batches              = var.parked
  start_after                 = concat(var.kafka.topics_ready, local.migrated)
}
