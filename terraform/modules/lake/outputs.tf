output "lake" {
  description = "The lake: root of the tables, bucket and its ARN."
  value = {
    root       = "s3://${aws_s3_bucket.this["lake"].id}"
    bucket     = aws_s3_bucket.this["lake"].id
    bucket_arn = aws_s3_bucket.this["lake"].arn
    tables     = var.tables
  }
}

output "parked" {
  description = "Parked records and failed batches: root of the former, bucket and its ARN."
  value = {
    root       = "s3://${aws_s3_bucket.this["parked"].id}/parked"
    bucket     = aws_s3_bucket.this["parked"].id
    bucket_arn = aws_s3_bucket.this["parked"].arn
  }
}

output "database" {
  description = "The Glue database that Athena reads."
  value       = aws_glue_catalog_database.this.name
}

output "public_access_blocked" {
  description = "Whether every kind of public access is blocked, by bucket."
  value = {
    for name, block in aws_s3_bucket_public_access_block.this :
    name => block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
  }
}
