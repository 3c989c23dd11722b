# Postgres: a created RDS instance, where the functions sign in with IAM, or an existing Postgres.

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  make = var.existing == null

  # postgres://[user[:password]@]rest. The password goes to Secrets Manager, never to a function's environment.
  url  = local.make ? null : nonsensitive(regex("^postgres(?:ql)?://(?:(?P<user>[^:@/]*)(?::[^@/]*)?@)?(?P<rest>.*)$", var.existing_url))
  user = local.make ? var.instance.writer : coalesce(local.url.user, "postgres")

  own_secret    = !local.make && try(var.existing.auth == "secret" && var.existing.secret_arn == null, false)
  password      = local.own_secret ? try(regex("^postgres(?:ql)?://[^:@/]*:(?P<password>[^@/]*)@", var.existing_url).password, "") : null
  secret_arn    = local.own_secret ? one(aws_secretsmanager_secret.this[*].arn) : local.make ? one(aws_db_instance.this[*].master_user_secret[0].secret_arn) : var.existing.secret_arn
  account_arn   = "${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"
  resource_id   = local.make ? one(aws_db_instance.this[*].resource_id) : var.existing.resource_id
  existing_auth = local.make ? null : var.existing.auth == "secret" ? "secret:${local.secret_arn}" : var.existing.auth

  read_secret = {
    sid       = "ReadDatabaseSecret"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [local.secret_arn]
  }
  # The ARN of a sign-in permission ends with the database user.
  database_users = "arn:${data.aws_partition.current.partition}:rds-db:${local.account_arn}:dbuser:${coalesce(local.resource_id, "none")}"
  sign_in = {
    sid       = "SignInToDatabase"
    actions   = ["rds-db:connect"]
    resources = ["${local.database_users}/${local.user}"]
  }
  existing_statements = local.make ? [] : [for statement in [local.read_secret, local.sign_in] : statement if(
    var.existing.auth == "secret" && statement.sid == local.read_secret.sid || var.existing.auth == "iam" && statement.sid == local.sign_in.sid
  )]

  address = local.make ? "${one(aws_db_instance.this[*].endpoint)}/${var.instance.database}?sslmode=verify-full" : local.url.rest
}

resource "aws_db_subnet_group" "this" {
  count      = local.make ? 1 : 0
  name       = local.placement.name
  subnet_ids = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  count       = local.make ? 1 : 0
  name_prefix = "${var.name}-"
  family      = "postgres${split(".", var.instance.engine_version)[0]}"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  lifecycle {
    create_before_destroy = true
  }
}

# Created before the instance. Otherwise RDS would create the log group itself, without an expiry.
resource "aws_cloudwatch_log_group" "postgresql" {
  # checkov:skip=CKV_AWS_338:the user chooses how long logs are kept and paid for (log_retention_days)
  count             = local.make ? 1 : 0
  name              = "/aws/rds/instance/${var.name}/postgresql"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

# The name of the final snapshot contains an id that is unique for each instance, because RDS refuses to delete an
# instance if a snapshot with that name exists.
resource "terraform_data" "final_snapshot" {
  count = local.make ? 1 : 0

  # Values whose change replaces the instance.
  triggers_replace = [local.placement.administrator, local.placement.database, local.placement.kms_key_arn]
}

resource "aws_db_instance" "this" {
  # checkov:skip=CKV_AWS_118:enhanced monitoring writes paid logs, and no alarm uses it; Performance Insights is on by default
  # checkov:skip=CKV_AWS_133:false positive: instance.backup_days is validated to be at least 1; checkov does not resolve it
  # checkov:skip=CKV_AWS_157:a second zone doubles the price; profile prod sets multi_az
  # checkov:skip=CKV_AWS_293:false positive: protected unless allow_destroy was applied first; checkov does not resolve the expression
  # checkov:skip=CKV_AWS_353:false positive: performance_insights is true by default; checkov does not resolve it
  count          = local.make ? 1 : 0
  identifier     = local.placement.name
  engine         = "postgres"
  engine_version = var.instance.engine_version
  instance_class = var.instance.class
  db_name        = local.placement.database

  # RDS generates, stores and rotates the administrator's password, and only schema-migrator reads it. The other users
  # have no password.
  username                            = local.placement.administrator
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = local.placement.kms_key_arn
  iam_database_authentication_enabled = true

  allocated_storage     = var.instance.storage_gb
  max_allocated_storage = var.instance.maximum_storage_gb
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = local.placement.kms_key_arn

  multi_az               = var.instance.multi_az
  db_subnet_group_name   = aws_db_subnet_group.this[0].name
  vpc_security_group_ids = var.security_group_ids
  publicly_accessible    = false
  ca_cert_identifier     = "rds-ca-rsa2048-g1"
  parameter_group_name   = aws_db_parameter_group.this[0].name

  backup_retention_period    = var.instance.backup_days
  copy_tags_to_snapshot      = true
  deletion_protection        = !var.allow_destroy
  skip_final_snapshot        = !var.final_snapshot
  final_snapshot_identifier  = var.final_snapshot ? "${var.name}-final-${terraform_data.final_snapshot[0].id}" : null
  auto_minor_version_upgrade = true

  allow_major_version_upgrade = var.instance.allow_major_version_upgrade
  apply_immediately           = var.instance.apply_immediately

  enabled_cloudwatch_logs_exports = ["postgresql"]
  performance_insights_enabled    = var.instance.performance_insights
  # The key of Performance Insights cannot change, even after Performance Insights was turned off and on. So it is
  # always the key of the instance.
  performance_insights_kms_key_id = var.instance.performance_insights ? local.placement.kms_key_arn : null

  depends_on = [aws_cloudwatch_log_group.postgresql]
}

resource "aws_secretsmanager_secret" "this" {
  # checkov:skip=CKV2_AWS_57:made only for a Postgres that exists already, whose owner sets the password
  count                   = local.own_secret ? 1 : 0
  name                    = "${var.name}/database"
  description             = "User and password for ${var.name}'s Postgres"
  recovery_window_in_days = var.secret_recovery_days
  kms_key_id              = var.kms_key_arn
}

resource "aws_secretsmanager_secret_version" "this" {
  count     = local.own_secret ? 1 : 0
  secret_id = aws_secretsmanager_secret.this[0].id

  # A write-only argument: the password is in no state file. The version number changes with the password.
  secret_string_wo         = jsonencode({ username = local.user, password = local.password })
  secret_string_wo_version = parseint(substr(sha256("${local.user}:${nonsensitive(sha256(local.password))}"), 0, 7), 16)
}
