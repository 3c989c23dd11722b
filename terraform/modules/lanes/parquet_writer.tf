module "parquet_writer" {
  source = "../kafka_function"
  count  = var.enabled.parquet_writer ? 1 : 0

  function = merge(local.function["parquet-writer"], {
    description = "Batches of Kafka topics to their Delta tables, each record once"

    environment = merge(local.common_environment, local.pipelines_environment, {
      LAKE_ROOT   = var.lake.root
      PARKED_ROOT = var.parked.root
    })
    # No delete: this role can add files to a table, but cannot remove any.

    policy_statements = concat([
      {
        sid       = "AppendToTables"
        actions   = ["s3:GetObject", "s3:PutObject"]
        resources = [for path in local.table_paths : "${var.lake.bucket_arn}/${path}/*"]
      },
      {
        # The function lists the commits after a checkpoint. S3 also checks this permission, without a prefix, when it
        # decides between 404 (missing) and 403 (forbidden) for a GET. A commit that does not exist yet must give 404.
        # Hence IfExists.
        sid       = "ListTables"
        actions   = ["s3:ListBucket"]
        resources = [var.lake.bucket_arn]
        condition = { StringLikeIfExists = { "s3:prefix" = [for path in local.table_paths : "${path}/*"] } }
      },
      {
        sid       = "ParkRecords"
        actions   = ["s3:PutObject"]
        resources = ["${var.parked.bucket_arn}/parked/parquet-writer/*"]
      },
    ], local.pipelines_statements)
  })

  function_label              = "parquet-writer"
  alarms                      = var.alarms
  mappings                    = var.pipelines.lake_mappings
  create_event_source_mapping = var.create_event_source_mappings
  cluster_arn                 = var.kafka.cluster_arn
  cluster_name                = var.kafka.cluster_name
  failed_batches              = var.parked
  start_after                 = concat(var.kafka.topics_ready, local.migrated)
}
