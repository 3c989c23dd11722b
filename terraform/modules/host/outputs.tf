output "instance_id" {
  description = "Id of the instance."
  value       = aws_instance.this.id
}

output "connect" {
  description = "Command that opens a login shell on the host. A plain `start-session` opens a shell without the settings of the stack."
  value       = "aws ssm start-session --region ${local.region} --target ${aws_instance.this.id} --document-name AWS-StartInteractiveCommand --parameters '{\"command\":[\"cd ~ && exec bash -l\"]}'"
}

output "role_arn" {
  description = "The role of the host, for the policies of existing keys and buckets."
  value       = aws_iam_role.this.arn
}

output "policies" {
  description = "The policy of each role, as JSON: of the host and, with `hours`, of the schedule."
  value       = merge({ host = local.policy }, var.hours == null ? {} : { host-hours = local.hours_policy })
}

output "objects" {
  description = "Files that the host installs besides the headwater command and Kafka's tools: content by file name."
  value       = local.contents
}
