output "name" {
  description = "The function's name."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "The function's ARN."
  value       = aws_lambda_function.this.arn
}

output "live_arn" {
  description = "ARN for mappings, schedules and permissions: the alias `live`, or the function itself if it has no versions."
  value       = var.function.versions ? one(aws_lambda_alias.live[*].arn) : aws_lambda_function.this.arn
}

output "qualifier" {
  description = "The alias `live`; null if the function has no versions."
  value       = one(aws_lambda_alias.live[*].name)
}

output "version" {
  description = "The version that this deployment published, even if `live` does not point to it yet."
  value       = aws_lambda_function.this.version
}

output "live_version" {
  description = "The version that `live` points to; null if the function has no versions."
  value       = one(aws_lambda_alias.live[*].function_version)
}

output "serves_after" {
  description = "The values of `start_after`: results of the steps that succeeded before `live` moved to its version."
  value       = terraform_data.ready.output
}

output "role" {
  description = "The role's name and permissions boundary."
  value       = { name = aws_iam_role.this.name, permissions_boundary_arn = aws_iam_role.this.permissions_boundary }
}

output "policy" {
  description = "The complete policy of the function's role, as JSON."
  value       = local.policy
}

output "log_group" {
  description = "The log group's name."
  value       = aws_cloudwatch_log_group.this.name
}

output "environment" {
  description = "The function's environment variables."
  value       = aws_lambda_function.this.environment[0].variables
}
