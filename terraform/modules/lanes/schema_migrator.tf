module "schema_migrator" {
  source = "../function"

  function = merge(local.function["schema-migrator"], {
    description = "Migrates Postgres and makes the tables that the pipeline files name"

    environment = merge(
      local.common_environment,
      local.database_environment["administrator"],
      local.pipelines_environment,
      { LAKE_ROOT = var.lake.root },
      # The migration creates these users and grants them their permissions. The other functions sign in as them with
      # IAM.
      { for name, value in {
        DATABASE_IAM_USER   = var.warehouse.administrator.iam_user
        DATABASE_IAM_READER = var.warehouse.administrator.iam_reader
      } : name => value if value != null },
    )

    policy_statements = concat(
      [
        {
          # schema-migrator also checks the columns of the Delta tables, for which it reads only their logs.
          sid       = "ReadTableLogs"
          actions   = ["s3:GetObject"]
          resources = [for path in local.table_paths : "${var.lake.bucket_arn}/${path}/_delta_log/*"]
          condition = {}
        },
        {
          # IfExists: before S3 answers 404 for a missing object, it checks this permission without a prefix.
          sid       = "ListTableLogs"
          actions   = ["s3:ListBucket"]
          resources = length(var.lake.tables) == 0 ? [] : [var.lake.bucket_arn]
          condition = { StringLikeIfExists = { "s3:prefix" = [for path in local.table_paths : "${path}/_delta_log/*"] } }
        },
      ],
      [for statement in var.warehouse.administrator.statements : merge(statement, { condition = {} })],
      local.pipelines_statements,
    )
  })

  alarms      = var.alarms
  start_after = local.migrated
}

# Tables with a retention have one partition per day. This schedule creates the partitions of the next days and drops
# expired ones. There is no dead-letter queue, because the next run makes up for a failed one.
module "schema_migrator_schedule" {
  source = "../schedule"

  name       = local.names["schema-migrator"]
  target_arn = module.schema_migrator.live_arn
  role       = var.roles

  schedule = {
    expression = var.schema.schedule
    enabled    = var.schedules_enabled
  }
}

# The first step of a deployment: the new version of schema-migrator, which no alias points to yet, migrates the tables
# to the state that the pipeline files describe. The alias of every function, also of schema-migrator, waits for it
# (`start_after`). If the function fails, the apply fails before any alias moves, and the old versions keep running with
# the old pipeline files.
#
# With CREATE_ONLY, a change of a trigger replaces the resource. A resource whose invocation failed is in no state, so
# the next apply invokes again. With CRUD, a failed update would be recorded as done
# (hashicorp/terraform-provider-aws#43447).
resource "aws_lambda_invocation" "migrate" {
  count = var.migrate_at_deploy ? 1 : 0

  function_name = module.schema_migrator.name
  qualifier     = module.schema_migrator.version
  input         = "{}"

  lifecycle_scope = "CREATE_ONLY"

  triggers = {
    code      = local.code["schema-migrator"].key
    pipelines = sha256(var.pipelines.json)
    database  = var.warehouse.administrator.url
  }
}

locals {
  migrated = aws_lambda_invocation.migrate[*].result
}
