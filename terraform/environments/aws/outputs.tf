output "name" {
  description = "Name of the deployment: `name` and `environment`."
  value       = local.name
}

output "environment" {
  description = "The environment: a dimension of every metric."
  value       = var.environment
}

output "region" {
  description = "The region of the deployment."
  value       = var.region
}

output "account_id" {
  description = "The AWS account."
  value       = data.aws_caller_identity.current.account_id
}

output "vpc_id" {
  description = "The VPC."
  value       = module.network.vpc_id
}

output "subnet_ids" {
  description = "The private subnets."
  value       = module.network.subnet_ids
}

output "nat_public_ips" {
  description = "Public addresses of the NAT gateways or the NAT instance, for services that admit clients by address; empty without NAT."
  value       = module.network.nat_public_ips
}

output "event_source_mappings" {
  description = "The event source mappings and their settings. -1 means no limit."
  value       = module.lanes.event_source_mappings
}

output "mapping_ids" {
  description = "Id of each event source mapping, by function and topic."
  value       = module.lanes.mapping_ids
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
  description = "The version that the alias `live` of each function points to, by folder name. To invoke a function manually, use NAME:live. After a failed apply, this may already be the new version, although the alias has not moved: check with `aws lambda get-alias`."
  value       = module.lanes.live_versions
}

output "schedules" {
  description = "Schedules: name, group, expression, time_zone, enabled, function_name (for the forecast: the name of the state machine)."
  value       = module.lanes.schedules
}

output "queues" {
  description = "Queues that feed functions: function_name, name, url, dead_letter_name, dead_letter_url."
  value       = module.lanes.queues
}

output "media_bucket" {
  description = "Bucket whose files bucket-ingester reads; null if it reads a web address."
  value       = module.lanes.media_bucket
}

output "inbox_bucket" {
  description = "Bucket whose events inbox-etl reads."
  value       = module.lanes.inbox_bucket
}

output "urls" {
  description = "URLs of functions, without a slash at the end. The URL of live-board accepts only signed requests (`headwater board` signs them)."
  value       = { for function, url in module.lanes.urls : function => url.url }
}

output "host" {
  description = "The operators' host: its instance, and the command that opens a login shell on it; null without a host."
  value       = one([for host in module.host : { instance_id = host.instance_id, connect = host.connect }])
}

output "host_security_group_id" {
  description = "Security group of the host. An existing Kafka or Postgres must admit it, like that of the functions. Null without a host."
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
  description = "ARN of the secret that contains the forecast API's token as plain text; null without the lane."
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

output "kafka_auth" {
  description = "How clients sign in to the brokers: msk-iam or plaintext."
  value       = module.kafka.connection.auth
}

output "kafka_cluster_arn" {
  description = "ARN of the MSK cluster."
  value       = module.kafka.connection.cluster_arn
}

output "kafka_cluster_name" {
  description = "The cluster's name in metrics and logs."
  value       = module.kafka.connection.cluster_name
}

output "database_identifier" {
  description = "Identifier of the RDS instance; null with an existing Postgres."
  value       = module.warehouse.identifier
}

output "database_endpoint" {
  description = "Address and port of the RDS instance; null with an existing Postgres."
  value       = module.warehouse.endpoint
}

output "database_url" {
  description = "Postgres URL of the functions that write, without a password."
  value       = module.warehouse.writer.url
}

output "database_reader" {
  description = "Read-only access to the database: url (without a password) and auth (iam, or secret: and its ARN)."
  value       = { url = module.warehouse.reader.url, auth = module.warehouse.reader.auth }
}

output "pipelines" {
  description = "The pipeline files as one JSON array, as the functions read them."
  value       = module.pipelines.json
}

output "dashboard" {
  description = "The CloudWatch dashboard."
  value       = module.observability.dashboard
}

output "alarm_topic_arn" {
  description = "SNS topic of the alarms."
  value       = module.observability.alarm_topic_arn
}

output "key_arn" {
  description = "ARN of the customer-managed KMS key that encrypts all data; null with AWS's keys."
  value       = local.key_arn
}

output "functions_security_group_id" {
  description = "Security group of the functions. An existing Kafka or Postgres must admit it."
  value       = module.network.security_group_ids["functions"]
}

output "deployment_bucket" {
  description = "Bucket of the files that a deployment uploads: the functions' code, and the software of the host."
  value       = module.lanes.deployment.bucket
}
