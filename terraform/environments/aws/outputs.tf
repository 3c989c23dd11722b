output "name" {
  description = "Name of the deployment: `name` and `environment`."
  value       = local.name
}

output "environment" {
  description = "The environment: a dimension of every metric."
  value       = var.environment
}

output "region" {
  description = "Where it runs."
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
  description = "Public addresses of the NAT gateways, to be admitted by services that the functions call; empty without NAT."
  value       = module.network.nat_public_ips
}

output "event_source_mappings" {
  description = "What Lambda polls, and how. -1 is without a limit."
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
  description = "The RDS instance; null with a Postgres of your own."
  value       = module.warehouse.identifier
}

output "database_endpoint" {
  description = "Its address and port; null with a Postgres of your own."
  value       = module.warehouse.endpoint
}

output "database_url" {
  description = "Address that the writers use, without a password."
  value       = module.warehouse.writer.url
}

output "database_reader" {
  description = "The database as the user who only reads: url (without a password) and auth (iam, or secret: and its ARN)."
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
  description = "The KMS key of your own that encrypts everything; null with AWS's keys."
  value       = local.key_arn
}

output "functions_security_group_id" {
  description = "To be admitted by a Kafka or Postgres of your own."
  value       = module.network.security_group_ids["functions"]
}

output "deployment_bucket" {
  description = "Bucket of what a deployment uploads: the functions' code, and what the host installs."
  value       = module.lanes.deployment.bucket
}
