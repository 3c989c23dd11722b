output "lake" {
  description = "The lake: root, bucket and its ARN, table paths by topic, and paths of the Spark jobs' tables by table name."
  value = {
    root       = "s3://${module.bucket["lake"].name}"
    bucket     = module.bucket["lake"].versioned_name
    bucket_arn = module.bucket["lake"].arn
    tables     = var.tables
    job_tables = var.job_tables
  }
}

output "parked" {
  description = "Location of parked records and failed batches: root of the parked records, bucket and its ARN."
  value = {
    root       = "s3://${module.bucket["parked"].name}/parked"
    bucket     = module.bucket["parked"].name
    bucket_arn = module.bucket["parked"].arn
  }
}

output "database" {
  description = "The Glue database for Athena."
  value       = aws_glue_catalog_database.this.name
}

output "table_names" {
  description = "Names of the Glue tables for Athena."
  value       = toset([for table in aws_glue_catalog_table.this : table.name])
}

output "public_access_blocked" {
  description = "Whether all four kinds of public access are blocked, by bucket."
  value       = { for name, bucket in module.bucket : name => bucket.public_access_blocked }
}
