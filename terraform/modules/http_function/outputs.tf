output "name" {
  description = "The function's name."
  value       = module.function.name
}

output "arn" {
  description = "The function's ARN."
  value       = module.function.arn
}

output "live_arn" {
  description = "ARN of what serves: the alias `live`, or the function itself where it has no versions."
  value       = module.function.live_arn
}

output "live_version" {
  description = "The version that serves; null where the function has no versions."
  value       = module.function.live_version
}

output "serves_after" {
  description = "What had succeeded before the version began to serve: the values of `start_after`."
  value       = module.function.serves_after
}

output "policy" {
  description = "The role's whole policy, as JSON."
  value       = module.function.policy
}

output "environment" {
  description = "The function's environment variables."
  value       = module.function.environment
}

output "url" {
  description = "The function's URL, without a slash at its end."
  value       = trimsuffix(aws_lambda_function_url.this.function_url, "/")
}

output "url_id" {
  description = "The URL's id: the first part of its host name, and all that counts on the emulator."
  value       = aws_lambda_function_url.this.url_id
}

output "auth" {
  description = "AWS_IAM or NONE."
  value       = aws_lambda_function_url.this.authorization_type
}
