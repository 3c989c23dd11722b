output "event_source_mappings" {
  description = "The event source mappings of all functions."
  value       = flatten([for function in local.fed_by_kafka : local.deployed[function].event_source_mappings])
}

output "mapping_ids" {
  description = "Mapping id by function and topic; empty if AWS does not poll."
  value       = { for function in local.fed_by_kafka : function => local.deployed[function].mapping_ids }
}

output "queues" {
  description = "Every queue that feeds a function: function_name, name, url, dead_letter_name, dead_letter_url."
  value       = [for function in keys(local.queue_names) : local.deployed[function].queue]
}

output "queue_mappings" {
  description = "How each of these queues feeds its function: function_name, queue_url, queue_arn, batch_size, window_seconds, partial_batch_response, maximum_concurrency."
  value       = [for function in keys(local.queue_names) : local.deployed[function].queue_mapping]
}

output "deployment" {
  description = "The bucket of the functions' code: its name and ARN. Write access to it is control over the code that runs."
  value       = { bucket = module.deployment.versioned_name, bucket_arn = module.deployment.arn }
}

output "media_bucket" {
  description = "Bucket whose files bucket-ingester reads; null if it reads a web address."
  value       = one(local.media_bucket[*].name)
}

output "inbox_bucket" {
  description = "Bucket whose events inbox-etl reads."
  value       = local.inbox_bucket.name
}

output "functions" {
  description = "Function name by folder name."
  value       = { for function, lane in local.deployed : function => lane.name }
}

output "live_versions" {
  description = "The version that the alias `live` of each function points to, by folder name; null without versions."
  value       = { for function, lane in local.deployed : function => lane.live_version }
}

output "serves_after" {
  description = "The values of `start_after` for each function, by folder name: results of the steps that succeeded before `live` moved to its version."
  value       = { for function, lane in local.deployed : function => lane.serves_after }
}

output "live_arns" {
  description = "ARN by which each function is invoked, by folder name."
  value       = { for function, lane in local.deployed : function => lane.live_arn }
}

output "schedules" {
  description = "Every schedule."
  value       = concat([for function in local.scheduled : local.deployed[function].schedule], [module.schema_migrator_schedule.schedule], module.lake_keeper_cleaning[*].schedule, module.forecast[*].schedule)
}

output "urls" {
  description = "The functions' URLs, by function: url (without a slash at its end), its id, and whether AWS_IAM protects it or NONE."
  value       = { for function, lane in local.deployed : function => { url = lane.url, id = lane.url_id, auth = lane.auth } if contains(["telemetry-gateway", "live-board"], function) }
}

output "telemetry_token_secret" {
  description = "ARN of the secret with the token that vehicles send to telemetry-gateway; null if they send none."
  value       = local.token_secret
}

output "forecast" {
  description = "The forecast lane: state_machine_arn, activity_arn, raw_bucket, raw_prefix, raw_root, table, items, function_name, schedule. Null without it."
  value       = one(module.forecast[*].forecast)
}

output "forecast_token_secret" {
  description = "ARN of the secret that contains the forecast API's token as plain text; null without the lane."
  value       = one(module.forecast[*].token_secret)
}

output "policies" {
  description = "Every role's policy, as JSON, by function (and of the roles of schedules, state machine and Spark job)."
  value = merge(
    { for function, lane in local.deployed : function => lane.policy },
    { for function in local.scheduled : "${function}-schedule" => local.deployed[function].scheduler_policy },
    { schema-migrator-schedule = module.schema_migrator_schedule.policy },
    { for cleaning in module.lake_keeper_cleaning : "lake-keeper-cleaning-schedule" => cleaning.policy },
    merge([for lane in module.forecast : { for role, policy in lane.policies : "forecast-${role}" => policy }]...),
  )
}

output "environments" {
  description = "Environment variables by function."
  value       = { for function, lane in local.deployed : function => lane.environment }
}
