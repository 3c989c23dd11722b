output "lake" {
  description = "The lake: root, bucket and its ARN, paths of the tables by topic, and of those that a Spark job writes by name."
  value = {
    root       = "s3://${module.bucket["lake"].name}"
    bucket     = module.bucket["lake"].versioned_name
    bucket_arn = module.bucket["lake"].arn
    tables     = var.tables
    job_tables = var.job_tables
  }
}

output "parked" {
  description = "Parked records and failed batches: root of the former, bucket and its ARN."
  value = {
    root       = "s3://${module.bucket["parked"].name}/parked"
    bucket     = module.bucket["parked"].name
    bucket_arn = module.bucket["parked"].arn
  }
}

output "database" {
  description = "The Glue database that Athena reads."
  value       = aws_glue_catalog_database.this.name
}

output "table_names" {
  description = "Names of the tables that Athena reads."
  value       = toset([for table in aws_glue_catalog_table.this : table.name])
}

output "public_access_blocked" {
  description = "Whether every kind of public access is blocked, by bucket."
  value       = { for name, bucket in module.bucket : name => bucket.public_access_blocked }
}
