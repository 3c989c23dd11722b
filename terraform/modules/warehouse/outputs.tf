output "administrator" {
  description = "The connection for migrations: URL, authentication, and the IAM permissions that it needs. For a created RDS instance also the users that the migration must create for writers and readers."
  value = {
    url        = local.make ? "postgres://${var.instance.administrator}@${local.address}" : "postgres://${local.user}@${local.address}"
    auth       = local.make ? "secret:${local.secret_arn}" : local.existing_auth
    statements = local.make ? [local.read_secret] : local.existing_statements
    iam_user   = local.make ? var.instance.writer : null
    iam_reader = local.make ? var.instance.reader : null
  }
}

output "writer" {
  description = "The connection of functions that write rows: URL, authentication, and the IAM permissions that it needs."
  value = {
    url        = "postgres://${local.user}@${local.address}"
    auth       = local.make ? "iam" : local.existing_auth
    statements = local.make ? [local.sign_in] : local.existing_statements
  }
}

output "reader" {
  description = "The connection of functions that only read rows: URL, authentication, and the IAM permissions that it needs. For an existing Postgres without `reader`, it is the same as the writer."
  value = {
    url        = "postgres://${local.reader_user}@${local.address}"
    auth       = local.reader_auth
    statements = local.reader_statements
  }
}

output "security" {
  description = "Security settings of the created instance; null with an existing Postgres."
  value = local.make ? {
    public      = aws_db_instance.this[0].publicly_accessible
    encrypted   = aws_db_instance.this[0].storage_encrypted
    iam         = aws_db_instance.this[0].iam_database_authentication_enabled
    force_ssl   = one([for parameter in aws_db_parameter_group.this[0].parameter : parameter.value if parameter.name == "rds.force_ssl"])
    backup_days = aws_db_instance.this[0].backup_retention_period
  } : null
}

output "endpoint" {
  description = "Address and port of the instance; null with an existing Postgres."
  value       = one(aws_db_instance.this[*].endpoint)
}

output "identifier" {
  description = "The instance's name in metrics; null with an existing Postgres."
  value       = one(aws_db_instance.this[*].identifier)
}
