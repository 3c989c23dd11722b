output "event_source_mappings" {
  description = "Every mapping, of all functions."
  value       = concat(module.parquet_writer.event_source_mappings, module.totals_upserter.event_source_mappings)
}

output "mapping_ids" {
  description = "Mapping id by function and topic; empty where AWS does not poll."
  value = {
    parquet-writer  = module.parquet_writer.mapping_ids
    totals-upserter = module.totals_upserter.mapping_ids
  }
}

output "functions" {
  description = "Function name by folder name."
  value = {
    parquet-writer  = module.parquet_writer.name
    totals-upserter = module.totals_upserter.name
    schema-migrator = module.schema_migrator.name
    rooms-generator = module.rooms_generator.name
  }
}

output "schedules" {
  description = "Every schedule."
  value       = [module.rooms_generator.schedule]
}

output "policies" {
  description = "Every role's policy, as JSON, by function (and of the schedule's role)."
  value = {
    parquet-writer           = module.parquet_writer.policy
    totals-upserter          = module.totals_upserter.policy
    schema-migrator          = module.schema_migrator.policy
    rooms-generator          = module.rooms_generator.policy
    rooms-generator-schedule = module.rooms_generator.scheduler_policy
  }
}

output "environments" {
  description = "Environment variables by function."
  value = {
    parquet-writer  = module.parquet_writer.environment
    totals-upserter = module.totals_upserter.environment
    schema-migrator = module.schema_migrator.environment
    rooms-generator = module.rooms_generator.environment
  }
}
