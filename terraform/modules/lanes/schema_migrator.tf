module "schema_migrator" {
  source = "../function"

  function = merge(local.function["schema-migrator"], {
    description = "Migrates Postgres and makes the tables that the pipeline files name"

    environment = merge(
      local.common_environment,
      local.database_environment["administrator"],
      local.pipelines_environment,
      { LAKE_ROOT = var.lake.root },
      # The users that the other functions sign in as by IAM: made and granted by the migration.
      { for name, value in {
        DATABASE_IAM_USER   = var.warehouse.administrator.iam_user
        DATABASE_IAM_READER = var.warehouse.administrator.iam_reader
      } : name => value if value != null },
    )

    policy_statements = concat(
      [
        {
          # The columns of the Delta tables are checked, too: only their logs are read.
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

# Tables that keep their rows for so many days have a partition a day: made ahead, and dropped when it is old. A run that was
# given up is made good by the next one, so there is no dead-letter queue.
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

# The first step of a deployment: the new version of the migrator, which serves nobody yet, brings the tables to what the
# pipeline files say. Every function's alias waits for it (`start_after`), the migrator's own included. An error of the function
# fails the apply: no alias has moved then, and the old versions go on with the old pipeline files.
#
# CREATE_ONLY: what changes replaces the resource, and one whose invocation failed is in no state, so that the next apply
# invokes again. With CRUD a failed update would be kept as done (hashicorp/terraform-provider-aws#43447).
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
