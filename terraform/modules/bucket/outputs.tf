output "name" {
  description = "The bucket's name."
  value       = aws_s3_bucket.this.bucket
}

output "versioned_name" {
  description = "The bucket's name, available after versioning is configured. Resources that write objects must use this name. An object that was written before versioning has no version id, and a delete keeps it as an old version."
  value       = aws_s3_bucket.this.bucket
  depends_on  = [aws_s3_bucket_versioning.this]
}

output "arn" {
  description = "The bucket's ARN."
  value       = aws_s3_bucket.this.arn
}

output "public_access_blocked" {
  description = "Whether all four kinds of public access are blocked."
  value = alltrue([
    aws_s3_bucket_public_access_block.this.block_public_acls,
    aws_s3_bucket_public_access_block.this.block_public_policy,
    aws_s3_bucket_public_access_block.this.ignore_public_acls,
    aws_s3_bucket_public_access_block.this.restrict_public_buckets,
  ])
}

output "encryption" {
  description = "How objects are encrypted."
  value       = flatten([for rule in aws_s3_bucket_server_side_encryption_configuration.this.rule : rule.apply_server_side_encryption_by_default[*].sse_algorithm])
}

output "expiration_days" {
  description = "Days until objects expire; 0 for never."
  value       = sum(concat([0], flatten([for configuration in aws_s3_bucket_lifecycle_configuration.this : [for rule in configuration.rule : [for expiration in rule.expiration : coalesce(expiration.days, 0)]]])))
}
