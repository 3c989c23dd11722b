output "json" {
  description = "All pipeline files as one JSON array: the content of HEADWATER_PIPELINES."
  value       = local.json
}

output "topics" {
  description = "The topics: name, partitions, retention in hours."
  value = [
    for topic, pipeline in local.pipelines : {
      name            = topic
      partitions      = pipeline.topic.partitions
      retention_hours = try(pipeline.topic.retention_hours, 168)
    }
  ]
}

output "lake_mappings" {
  description = "Event source mappings of the topics that go to the lake."
  value       = local.mappings.lake
}

output "totals_mappings" {
  description = "Event source mappings of the topics that go to a totals table."
  value       = local.mappings.totals
}

output "table_mappings" {
  description = "Event source mappings of the topics that go to a table, with one row per record."
  value       = local.mappings.table
}

output "lake_tables" {
  description = "Table path below the lake's root, by topic, for topics that go to the lake."
  value       = { for topic, pipeline in local.pipelines : topic => trim(pipeline.lake.path, "/") if try(pipeline.lake.path, null) != null }
}

output "on_demand_pollers" {
  description = "Whether any mapping uses Lambda's on-demand pollers. They call lambda and sts from the cluster's network."
  value       = anytrue([for mapping in flatten(values(local.mappings)) : mapping.provisioned == null])
}
