output "arn" {
  description = "ARN of the key."

  # Built from its parts, so that the first plan knows that it is not null. Settings that depend on that (a bucket's
  # kind of encryption, a statement of a role) are then complete in that plan.
  value = "arn:${local.partition}:kms:${local.region}:${local.account}:key/${aws_kms_key.this.key_id}"
}

output "policy" {
  description = "The key's policy. The policy of an existing key also needs its statements EncryptLogs, PublishAlarms and NotifyQueues."
  value       = aws_kms_key.this.policy
}
