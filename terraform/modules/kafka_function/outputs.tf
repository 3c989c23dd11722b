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

output "environment" {
  description = "The function's environment variables."
  value       = module.function.environment
}

output "event_source_mappings" {
  description = "Settings of the mappings. On the local stack, the bridge follows them. -1 means no limit."
  value       = values(local.mappings)
}

output "mapping_ids" {
  description = "Mapping id by topic; empty where the mappings are not created."
  value       = { for topic, mapping in aws_lambda_event_source_mapping.this : topic => mapping.uuid }
}
