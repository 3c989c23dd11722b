output "name" {
  description = "The function's name."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "The function's ARN."
  value       = aws_lambda_function.this.arn
}

output "live_arn" {
  description = "ARN of what serves: the alias `live`, or the function itself where it has no versions. For mappings, schedules and permissions."
  value       = var.function.versions ? one(aws_lambda_alias.live[*].arn) : aws_lambda_function.this.arn
}

output "qualifier" {
  description = "The alias that serves; null where the function has no versions."
  value       = one(aws_lambda_alias.live[*].name)
}

output "version" {
  description = "The version that this deployment made, also before it serves."
  value       = aws_lambda_function.this.version
}

output "live_version" {
  description = "The version that serves; null where the function has no versions."
  value       = one(aws_lambda_alias.live[*].function_version)
}

output "serves_after" {
  description = "What had succeeded before the version began to serve: the values of `start_after`."
  value       = terraform_data.ready.output
}

output "role" {
  description = "The role's name and permissions boundary."
  value       = { name = aws_iam_role.this.name, permissions_boundary_arn = aws_iam_role.this.permissions_boundary }
}

output "policy" {
  description = "The role's whole policy, as JSON."
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
