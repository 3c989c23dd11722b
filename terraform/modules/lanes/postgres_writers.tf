# The functions that write batches of Kafka topics to Postgres: table-writer stores rows, totals-upserter stores sums.

locals {
  postgres_writers = { for function, writer in {
    table-writer = {
      description = "Batches of Kafka topics to their tables in Postgres, each record a row and once"
      mappings    = var.pipelines.table_mappings
    }
    totals-upserter = {
      description = "Batches of Kafka topics to their totals in Postgres, each record once"
      mappings    = var.pipelines.totals_mappings
    }
  } : function => writer if local.enabled[function] }
}

module "postgres_writer" {
  source   = "../kafka_function"
  for_each = local.postgres_writers

  function = merge(local.function[each.key], {
    description = each.value.description
    environment = merge(local.common_environment, local.database_environment["writer"], local.pipelines_environment, { PARKED_ROOT = var.parked.root })

    policy_statements = concat([
      {
        sid       = "ParkRecords"
        actions   = ["s3:PutObject"]
        resources = ["${var.parked.bucket_arn}/parked/${each.key}/*"]
      },
    ], var.warehouse.writer.statements, local.pipelines_statements)
  })

  function_label              = each.key
  alarms                      = var.alarms
  mappings                    = each.value.mappings
  create_event_source_mapping = var.create_event_source_mappings
  cluster_arn                 = var.kafka.cluster_arn
  cluster_name                = var.kafka.cluster_name
  failed_batches              = var.parked
  start_after                 = concat(var.kafka.topics_ready, local.migrated)
}

# For states from before the two became one module: keeps the existing resources.

moved {
  from = module.table_writer[0]
  to   = module.postgres_writer["table-writer"]
}

moved {
  from = module.totals_upserter[0]
  to   = module.postgres_writer["totals-upserter"]
}
