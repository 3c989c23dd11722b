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
