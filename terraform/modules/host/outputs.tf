output "instance_id" {
  description = "The instance."
  value       = aws_instance.this.id
}

output "connect" {
  description = "Opens a login shell on the host. A plain `start-session` opens a shell without the settings of the stack."
  value       = "aws ssm start-session --region ${local.region} --target ${aws_instance.this.id} --document-name AWS-StartInteractiveCommand --parameters '{\"command\":[\"cd ~ && exec bash -l\"]}'"
}

output "role_arn" {
  description = "The role of the host: for policies of keys and buckets that exist."
  value       = aws_iam_role.this.arn
}

output "policies" {
  description = "The policy of each role, as JSON: the host's, and with hours the schedule's."
  value       = merge({ host = local.policy }, var.hours == null ? {} : { host-hours = local.hours_policy })
}

output "objects" {
  description = "What the host installs besides the command and Kafka's tools: content by file name."
  value       = local.contents
}
