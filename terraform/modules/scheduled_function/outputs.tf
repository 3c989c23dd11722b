output "name" {
  description = "The function's name."
  value       = module.function.name
}

output "arn" {
  description = "The function's ARN."
  value       = module.function.arn
}

output "policy" {
  description = "The function's role's whole policy, as JSON."
  value       = module.function.policy
}

output "scheduler_policy" {
  description = "The policy of the role that Scheduler takes, as JSON."
  value       = module.schedule.policy
}

output "environment" {
  description = "The function's environment variables."
  value       = module.function.environment
}

output "schedule" {
  description = "The schedule."
  value       = module.schedule.schedule
}
