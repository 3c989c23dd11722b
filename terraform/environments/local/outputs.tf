output "event_source_mappings" {
  description = "Settings of the mappings, which the bridge follows in place of Lambda's pollers. -1 means no limit."
  value       = module.lanes.event_source_mappings
}

output "topics" {
  description = "Topics to create."
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
  description = "Schedules: name, group, expression, time_zone, enabled, function_name (for the forecast: the name of the state machine)."
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
  description = "How each queue feeds its function. The bridge follows these settings in place of Lambda's pollers."
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
  description = "URLs of functions, without a slash at the end. The bridge serves them; the emulator's own URLs are not used."
  value       = { for function in keys(module.lanes.urls) : function => "${var.functions_endpoint}/url/${module.lanes.functions[function]}" }
}
