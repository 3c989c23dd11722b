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
  description = "Schedules: name, group, expression, enabled, function_name."
  value       = module.lanes.schedules
}
