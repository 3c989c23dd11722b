# Upkeep of the Delta tables: checkpoints, compaction, log clean-up and vacuum.

locals {
  # Twice the timeout of the function that writes tables, and at least one hour.
  longest_write_minutes = max(60, ceil(2 * var.sizes.parquet_writer.timeout_seconds / 60))
}

module "lake_keeper" {
  source = "../scheduled_function"
  count  = var.enabled.lake_keeper ? 1 : 0

  function = merge(local.function["lake-keeper"], {
    description = "Checkpoints, compaction, vacuum and log clean-up of the Delta tables"

    environment = merge(local.common_environment, local.pipelines_environment, {
      LAKE_ROOT = var.lake.root
      # Files younger than this are kept: a running writer may have written a file that no commit names yet.
      YOUNGEST_MINUTES = tostring(local.longest_write_minutes)
    })

    policy_statements = concat([
      {
        # The only function that may delete from the lake: data files and log entries of these tables.
        sid       = "KeepTables"
        actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
        resources = [for path in local.table_paths : "${var.lake.bucket_arn}/${path}/*"]
        condition = {}
      },
      {
        # IfExists: before S3 answers 404 for a missing object, it checks this permission without a prefix.
        sid       = "ListTables"
        actions   = ["s3:ListBucket"]
        resources = length(local.table_paths) == 0 ? [] : [var.lake.bucket_arn]
        condition = { StringLikeIfExists = { "s3:prefix" = [for path in local.table_paths : "${path}/*"] } }
      },
    ], local.pipelines_statements)
  })

  alarms      = var.alarms
  start_after = local.migrated

  schedule = {
    expression = var.upkeep.schedule
    enabled    = var.schedules_enabled
    input      = jsonencode({ steps = ["checkpoint", "compact"] })
  }
  # No queue for failed runs: the next run does the same work.
  dead_letter_queue = false
}

# Vacuum lists all objects below a table, so it runs only once a day.
module "lake_keeper_cleaning" {
  source = "../schedule"
  count  = var.enabled.lake_keeper ? 1 : 0

  name          = "${local.prefix}lake-vacuum"
  function_name = local.names["lake-keeper"]
  target_arn    = module.lake_keeper[0].live_arn
  role          = var.roles

  schedule = {
    expression = var.upkeep.cleaning_schedule
    enabled    = var.schedules_enabled
    input      = jsonencode({ steps = ["clean_log", "vacuum"] })
  }
}
