output "event_source_mappings" {
  description = "What Lambda polls, and how. -1 is without a limit."
  value       = module.lanes.event_source_mappings
}

output "topics" {
  description = "The topics."
  value       = module.pipelines.topics
}

output "lake_root" {
  description = "Root of the Delta tables."
  value       = module.lake.lake.root
}

output "parked_root" {
  description = "Root of the parked records."
  value       = module.lake.parked.root
}

output "functions" {
  description = "Function name by folder name."
  value       = module.lanes.functions
}

output "live_versions" {
  description = "The version of each function that serves, by folder name. By hand a function is invoked as NAME:live. After an apply that failed this may already be the version that was to serve: ask `aws lambda get-alias`."
  value       = module.lanes.live_versions
}

output "schedules" {
  description = "Schedules: name, group, expression, time_zone, enabled, function_name (of the forecast's: the state machine's name)."
  value       = module.lanes.schedules
}

output "queues" {
  description = "Queues that feed functions: function_name, name, url, dead_letter_name, dead_letter_url."
  value       = module.lanes.queues
}

output "media_bucket" {
  description = "Bucket whose files bucket-ingester reads; null where it reads a web address."
  value       = module.lanes.media_bucket
}

output "inbox_bucket" {
  description = "Bucket whose events inbox-etl reads."
  value       = module.lanes.inbox_bucket
}

output "urls" {
  description = "URLs of functions, without a slash at the end. The board's takes signed requests (`headwater board` signs them)."
  value       = { for function, url in module.lanes.urls : function => url.url }
}

output "host" {
  description = "The host of the operators: its instance, and the command that opens a login shell on it. Null without one."
  value       = one([for host in module.host : { instance_id = host.instance_id, connect = host.connect }])
}

output "host_security_group_id" {
  description = "To be admitted by a Kafka or Postgres of your own, beside the functions' one. Null without a host."
  value       = lookup(module.network.security_group_ids, "host", null)
}

output "telemetry_token_secret" {
  description = "ARN of the secret that holds the vehicles' token; null with auth iam."
  value       = module.lanes.telemetry_token_secret
}

output "forecast" {
  description = "The forecast lane: state_machine_arn, raw_bucket, raw_prefix, raw_root, table, items, function_name, schedule. Null without it."
  value       = module.lanes.forecast
}

output "forecast_token_secret" {
  description = "ARN of the secret whose text is the forecast API's token. Null without the lane."
  value       = module.lanes.forecast_token_secret
}

output "athena_database" {
  description = "Glue database of the Delta tables."
  value       = module.lake.database
}

output "kafka_bootstrap_servers" {
  description = "Brokers (IAM)."
  value       = module.kafka.connection.bootstrap_servers
}

output "database_url" {
  description = "Address that the writers use, without a password."
  value       = module.warehouse.writer.url
}

output "dashboard" {
  description = "The CloudWatch dashboard."
  value       = module.observability.dashboard
}

output "functions_security_group_id" {
  description = "To be admitted by a Kafka or Postgres of your own."
  value       = module.network.security_group_ids["functions"]
}
