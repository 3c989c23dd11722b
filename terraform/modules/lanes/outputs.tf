output "event_source_mappings" {
  description = "Every mapping, of all functions."
  value = concat(
    module.parquet_writer.event_source_mappings,
    module.totals_upserter.event_source_mappings,
    module.table_writer.event_source_mappings,
  )
}

output "mapping_ids" {
  description = "Mapping id by function and topic; empty where AWS does not poll."
  value = {
    parquet-writer  = module.parquet_writer.mapping_ids
    totals-upserter = module.totals_upserter.mapping_ids
    table-writer    = module.table_writer.mapping_ids
  }
}

output "queues" {
  description = "Every queue that feeds a function: function_name, name, url, dead_letter_name, dead_letter_url."
  value       = [for queue in values(local.queues) : queue if queue != null]
}

output "deployment" {
  description = "The bucket of the functions' code: its name and ARN. Whoever may write there decides what runs."
  value       = { bucket = module.deployment.versioned_name, bucket_arn = module.deployment.arn }
}

output "media_bucket" {
  description = "Bucket whose files bucket-ingester reads; null where it reads a web address."
  value       = one(local.media_bucket[*].name)
}

output "inbox_bucket" {
  description = "Bucket whose events inbox-etl reads."
  value       = local.inbox_bucket.name
}

output "functions" {
  description = "Function name by folder name."
  value = merge({
    parquet-writer    = module.parquet_writer.name
    totals-upserter   = module.totals_upserter.name
    table-writer      = module.table_writer.name
    bucket-ingester   = module.bucket_ingester.name
    inbox-etl         = module.inbox_etl.name
    schema-migrator   = module.schema_migrator.name
    rooms-generator   = module.rooms_generator.name
    telemetry-gateway = module.telemetry_gateway.name
    live-board        = module.live_board.name
  }, { for function, fetcher in local.forecast_fetcher : function => fetcher.name })
}

output "live_versions" {
  description = "The version of each function that the alias `live` points at, by folder name; null without versions."
  value = merge({
    parquet-writer    = module.parquet_writer.live_version
    totals-upserter   = module.totals_upserter.live_version
    table-writer      = module.table_writer.live_version
    bucket-ingester   = module.bucket_ingester.live_version
    inbox-etl         = module.inbox_etl.live_version
    schema-migrator   = module.schema_migrator.live_version
    rooms-generator   = module.rooms_generator.live_version
    telemetry-gateway = module.telemetry_gateway.live_version
    live-board        = module.live_board.live_version
  }, { for function, fetcher in local.forecast_fetcher : function => fetcher.live_version })
}

output "serves_after" {
  description = "What had succeeded before the version of each function began to serve, by folder name."
  value = merge({
    parquet-writer    = module.parquet_writer.serves_after
    totals-upserter   = module.totals_upserter.serves_after
    table-writer      = module.table_writer.serves_after
    bucket-ingester   = module.bucket_ingester.serves_after
    inbox-etl         = module.inbox_etl.serves_after
    schema-migrator   = module.schema_migrator.serves_after
    rooms-generator   = module.rooms_generator.serves_after
    telemetry-gateway = module.telemetry_gateway.serves_after
    live-board        = module.live_board.serves_after
  }, { for function, fetcher in local.forecast_fetcher : function => fetcher.serves_after })
}

output "live_arns" {
  description = "ARN by which each function is invoked, by folder name."
  value = merge({
    parquet-writer    = module.parquet_writer.live_arn
    totals-upserter   = module.totals_upserter.live_arn
    table-writer      = module.table_writer.live_arn
    bucket-ingester   = module.bucket_ingester.live_arn
    inbox-etl         = module.inbox_etl.live_arn
    schema-migrator   = module.schema_migrator.live_arn
    rooms-generator   = module.rooms_generator.live_arn
    telemetry-gateway = module.telemetry_gateway.live_arn
    live-board        = module.live_board.live_arn
  }, { for function, fetcher in local.forecast_fetcher : function => fetcher.live_arn })
}

output "schedules" {
  description = "Every schedule."
  value       = concat([module.rooms_generator.schedule, module.bucket_ingester.schedule, module.inbox_etl.schedule, module.schema_migrator_schedule.schedule], module.forecast[*].schedule)
}

output "urls" {
  description = "The functions' URLs, by function: url (without a slash at its end), its id, and whether AWS_IAM protects it or NONE."
  value = {
    for function, module in { telemetry-gateway = module.telemetry_gateway, live-board = module.live_board } :
    function => { url = module.url, id = module.url_id, auth = module.auth }
  }
}

output "telemetry_token_secret" {
  description = "ARN of the secret that holds what vehicles show to telemetry-gateway; null where they show nothing."
  value       = local.token_secret
}

output "forecast" {
  description = "The forecast lane: state_machine_arn, activity_arn, raw_bucket, raw_prefix, raw_root, table, items, function_name, schedule. Null without it."
  value       = one(module.forecast[*].forecast)
}

output "forecast_token_secret" {
  description = "ARN of the secret whose text is the forecast API's token. Null without the lane."
  value       = one(module.forecast[*].token_secret)
}

output "policies" {
  description = "Every role's policy, as JSON, by function (and of the roles of schedules, state machine and Spark job)."
  value = merge({
    parquet-writer           = module.parquet_writer.policy
    totals-upserter          = module.totals_upserter.policy
    table-writer             = module.table_writer.policy
    bucket-ingester          = module.bucket_ingester.policy
    bucket-ingester-schedule = module.bucket_ingester.scheduler_policy
    inbox-etl                = module.inbox_etl.policy
    inbox-etl-schedule       = module.inbox_etl.scheduler_policy
    schema-migrator          = module.schema_migrator.policy
    schema-migrator-schedule = module.schema_migrator_schedule.policy
    rooms-generator          = module.rooms_generator.policy
    rooms-generator-schedule = module.rooms_generator.scheduler_policy
    telemetry-gateway        = module.telemetry_gateway.policy
    live-board               = module.live_board.policy
    }, { for function, fetcher in local.forecast_fetcher : function => fetcher.policy },
    merge([for lane in module.forecast : { for role, policy in lane.policies : "forecast-${role}" => policy }]...),
  )
}

output "environments" {
  description = "Environment variables by function."
  value = merge({
    parquet-writer    = module.parquet_writer.environment
    totals-upserter   = module.totals_upserter.environment
    table-writer      = module.table_writer.environment
    bucket-ingester   = module.bucket_ingester.environment
    inbox-etl         = module.inbox_etl.environment
    schema-migrator   = module.schema_migrator.environment
    rooms-generator   = module.rooms_generator.environment
    telemetry-gateway = module.telemetry_gateway.environment
    live-board        = module.live_board.environment
  }, { for function, fetcher in local.forecast_fetcher : function => fetcher.environment })
}
