module "schema_migrator" {
  source = "../function"

  name            = local.names["schema-migrator"]
  description     = "Migrates Postgres and makes the tables that the pipeline files name"
  code            = local.code["schema-migrator"]
  architecture    = var.architecture
  memory_mb       = var.sizes.schema_migrator.memory_mb
  timeout_seconds = var.sizes.schema_migrator.timeout_seconds
  log_level       = var.log_level
  network         = var.network
  alarms          = var.alarms

  environment = merge(
    local.common_environment,
    local.database_authorities,
    local.pipelines_environment,
    {
      DATABASE_URL  = var.warehouse.administrator.url
      DATABASE_AUTH = var.warehouse.administrator.auth
    },
    # The users that the other functions sign in as by IAM: made and granted by the migration.
    { for name, value in {
      DATABASE_IAM_USER   = var.warehouse.administrator.iam_user
      DATABASE_IAM_READER = var.warehouse.administrator.iam_reader
    } : name => value if value != null },
  )

  policy_statements = concat(var.warehouse.administrator.statements, local.pipelines_statements)
}

# Tables that keep their rows for so many days have a partition a day: made ahead, and dropped when it is old. A run that was
# given up is made good by the next one, so there is no dead-letter queue.
module "schema_migrator_schedule" {
  source = "../schedule"

  name         = local.names["schema-migrator"]
  function_arn = module.schema_migrator.arn

  schedule = {
    expression = var.schema.schedule
    enabled    = var.schedules_enabled
  }
}

# Runs when the code, the pipeline files or the database change. A failed migration fails the deployment, before the
# mappings of totals-upserter and table-writer begin.
resource "aws_lambda_invocation" "migrate" {
  count = var.migrate_at_deploy ? 1 : 0

  function_name = module.schema_migrator.name
  input         = "{}"

  triggers = {
    code      = local.code["schema-migrator"].key
    pipelines = sha256(var.pipelines.json)
    database  = var.warehouse.administrator.url
  }
}
