output "arn" {
  description = "ARN of the key."

  # Put together and not read from the key, so that a plan from nothing knows that there is one: what depends on that
  # (a bucket's kind of encryption, a statement of a role) is in the plan then.
  value = "arn:${local.partition}:kms:${local.region}:${local.account}:key/${aws_kms_key.this.key_id}"
}

output "policy" {
  description = "The key's policy. A key of somebody else needs the statements EncryptLogs, PublishAlarms and NotifyQueues too."
  value       = aws_kms_key.this.policy
}
