output "name" {
  description = "The function's name."
  value       = module.function.name
}

output "arn" {
  description = "The function's ARN."
  value       = module.function.arn
}

output "live_arn" {
  description = "ARN to invoke: the alias `live`, or the function itself if it has no versions."
  value       = module.function.live_arn
}

output "live_version" {
  description = "The version that `live` points to; null if the function has no versions."
  value       = module.function.live_version
}

output "serves_after" {
  description = "The values of `start_after`: results of the steps that succeeded before `live` moved to its version."
  value       = module.function.serves_after
}

output "policy" {
  description = "The complete policy of the function's role, as JSON."
  value       = module.function.policy
}

output "scheduler_policy" {
  description = "The policy of the role that EventBridge Scheduler assumes, as JSON."
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
