output "event_source_mappings" {
  description = "What the bridge does in the place of Lambda's pollers. -1 is without a limit."
  value       = module.lanes.event_source_mappings
}

output "topics" {
  description = "Topics to make."
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

output "schedules" {
  description = "Schedules: name, group, expression, time_zone, enabled, function_name (of the forecast's: the state machine's name)."
  value       = module.lanes.schedules
}

output "forecast" {
  description = "The forecast lane: state_machine_arn, activity_arn, raw_bucket, raw_prefix, raw_root, table, items, function_name, schedule."
  value       = module.lanes.forecast
}

output "queues" {
  description = "Queues that feed functions: function_name, name, url, dead_letter_name, dead_letter_url."
  value       = module.lanes.queues
}

output "queue_mappings" {
  description = "What the bridge does in the place of Lambda's pollers of queues."
  value       = module.lanes.queue_mappings
}

output "media_bucket" {
  description = "Bucket whose files bucket-ingester reads."
  value       = module.lanes.media_bucket
}

output "inbox_bucket" {
  description = "Bucket whose events inbox-etl reads."
  value       = module.lanes.inbox_bucket
}

output "pipelines" {
  description = "The pipeline files as one JSON array, as the functions read them."
  value       = module.pipelines.json
}

output "kafka_bootstrap_servers" {
  description = "Brokers."
  value       = module.kafka.connection.bootstrap_servers
}

output "kafka_auth" {
  description = "How clients sign in to the brokers."
  value       = module.kafka.connection.auth
}

output "database_reader" {
  description = "The database: url (without a password) and auth (secret: and its ARN)."
  value       = { url = module.warehouse.reader.url, auth = module.warehouse.reader.auth }
}

output "urls" {
  description = "URLs of functions, without a slash at the end. The bridge answers there, and the emulator's own URLs go unused."
  value       = { for function in keys(module.lanes.urls) : function => "${var.functions_endpoint}/url/${module.lanes.functions[function]}" }
}
