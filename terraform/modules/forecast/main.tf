# The forecast lane: a schedule starts a state machine, which invokes the fetcher (raw answers to S3) and then runs the Spark
# job (raw answers to the Delta table). Spark runs on EMR Serverless, or as an activity that the local stack serves.

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  account_arn = "${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"
  partition   = data.aws_partition.current.partition

  source     = "forecast_72"
  raw_prefix = "raw/clima_tempo/${local.source}/"
  raw_root   = "s3://${module.raw.name}/${local.raw_prefix}"

  table_root    = "s3://${var.lake.bucket}/${var.table_path}"
  parked_prefix = "parked/${local.source}"
  parked_root   = "s3://${var.parked.bucket}/${local.parked_prefix}"

  token_secret = var.token_secret_arn != null ? var.token_secret_arn : one(aws_secretsmanager_secret.token[*].arn)
  give_token   = nonsensitive(var.token != null)

  sources = [{
    name         = local.source
    url          = "${trimsuffix(var.base_url, "/")}/api/v1/forecast/locale/{item}/hours/72?token={token}"
    items        = var.items
    headers      = { accept = "application/json" }
    require      = ["/id", "/data/0/date"]
    next         = null
    target       = "${local.raw_root}${local.source}_{time}_{item}.json"
    token_secret = local.token_secret
  }]
}

# The raw answers. They are never deleted, so the table can be rebuilt from them.
module "raw" {
  source = "../bucket"

  name           = var.raw_bucket
  versioning     = var.buckets.versioning
  lifecycle_days = var.buckets.lifecycle_days
  require_tls    = var.buckets.require_tls
  force_destroy  = var.buckets.force_destroy
  kms_key_arn    = var.function.kms_key_arn
}

# The owner of the API issues the token, so Terraform creates the secret without a value. The operator sets the value,
# which therefore appears in no plan and no state. `token` is only for the local stack, where it protects nothing.
resource "aws_secretsmanager_secret" "token" {
  # checkov:skip=CKV2_AWS_57:the owner of the forecast API issues the token; Secrets Manager cannot make a new one
  count = var.token_secret_arn == null ? 1 : 0

  name                    = "${var.function.name}/token"
  description             = "Token of the forecast API"
  recovery_window_in_days = var.secret_recovery_days
  kms_key_id              = var.function.kms_key_arn
}

resource "aws_secretsmanager_secret_version" "token" {
  count = local.give_token ? 1 : 0

  secret_id                = aws_secretsmanager_secret.token[0].id
  secret_string_wo         = var.token
  secret_string_wo_version = parseint(substr(nonsensitive(sha256(coalesce(var.token, "none"))), 0, 7), 16)
}

locals {
  fetcher_statements = [
    {
      # GetObject: the fetcher reads an object to find out whether this run has already stored it.
      sid       = "StoreAnswers"
      actions   = ["s3:GetObject", "s3:PutObject"]
      resources = ["${module.raw.arn}/${local.raw_prefix}*"]
    },
    {
      # IfExists: before S3 answers 404 for a missing object, it checks this permission without a prefix.
      sid       = "ListAnswers"
      actions   = ["s3:ListBucket"]
      resources = [module.raw.arn]
      condition = { StringLikeIfExists = { "s3:prefix" = ["${local.raw_prefix}*"] } }
    },
    {
      sid       = "ReadToken"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [local.token_secret]
    },
  ]
}

module "fetcher" {
  source = "../function"

  function = merge(var.function, {
    description       = "Forecast of each city to the raw bucket, as the API answers it"
    environment       = merge(var.function.environment, { FETCH_SOURCES = jsonencode(local.sources) })
    policy_statements = concat(var.function.policy_statements, local.fetcher_statements)
  })
  alarms      = var.alarms == null ? null : { topic_arns = var.alarms.topic_arns }
  start_after = var.start_after
}

# Commit 0 of the table, written before the first run. Otherwise two concurrent first runs would both create the table,
# and the second would overwrite the first. Each action of the job's table.json becomes one line.
resource "aws_s3_object" "table" {
  bucket       = var.lake.bucket
  key          = "${var.table_path}/_delta_log/00000000000000000000.json"
  content      = join("", [for action in jsondecode(file("${var.job_dir}/table.json")) : "${jsonencode(action)}\n"])
  content_type = "application/json"

  # After this the job owns the table. A commit never changes, so a changed table.json affects only new tables.
  lifecycle {
    ignore_changes = all
  }
}

module "failed" {
  source = "../dead_letter_queue"
  count  = var.dead_letter_queue ? 1 : 0

  function_name = var.name
  what          = "A start"
  kms_key_arn   = var.function.kms_key_arn
  alarms        = var.alarms == null ? null : { topic_arns = var.alarms.topic_arns }
}

module "schedule" {
  source = "../schedule"

  name            = var.name
  target_arn      = aws_sfn_state_machine.this.arn
  action          = "states:StartExecution"
  schedule        = var.schedule
  dead_letter_arn = one(module.failed[*].arn)
  kms_key_arn     = var.function.kms_key_arn
  role            = { suffix = var.function.role_suffix, permissions_boundary_arn = var.function.permissions_boundary_arn }
}
