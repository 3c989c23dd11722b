# The operators' host and its stack file. The stack file has the outputs in the format of `terraform output -json`, so
# the headwater command works there without Terraform.

data "aws_partition" "current" {}

locals {
  host_enabled = coalesce(var.host.enabled, local.profile.host)

  # Interface endpoints for Session Manager and for the services that operators call. The SSM agent of Amazon Linux 2023
  # does not need ec2messages, which newer regions lack.
  host_services = local.host_enabled ? ["ssm", "ssmmessages", "lambda", "logs", "sqs"] : []

  # Each entry has the name of its output. None is a secret.
  stack = {
    event_source_mappings   = module.lanes.event_source_mappings
    mapping_ids             = module.lanes.mapping_ids
    topics                  = module.pipelines.topics
    pipelines               = module.pipelines.json
    region                  = var.region
    lake_root               = module.lake.lake.root
    parked_root             = module.lake.parked.root
    functions               = module.lanes.functions
    live_versions           = module.lanes.live_versions
    schedules               = module.lanes.schedules
    queues                  = module.lanes.queues
    media_bucket            = module.lanes.media_bucket
    inbox_bucket            = module.lanes.inbox_bucket
    urls                    = { for function, url in module.lanes.urls : function => url.url }
    telemetry_token_secret  = module.lanes.telemetry_token_secret
    forecast                = module.lanes.forecast
    forecast_token_secret   = module.lanes.forecast_token_secret
    athena_database         = module.lake.database
    kafka_bootstrap_servers = module.kafka.connection.bootstrap_servers
    kafka_auth              = module.kafka.connection.auth
    kafka_cluster_arn       = module.kafka.connection.cluster_arn
    database_url            = module.warehouse.writer.url
    database_reader         = { url = module.warehouse.reader.url, auth = module.warehouse.reader.auth }
    dashboard               = module.observability.dashboard
  }
}

module "host" {
  source = "../../modules/host"
  count  = local.host_enabled ? 1 : 0
  name   = local.name
  role   = local.roles

  instance = {
    type        = var.host.instance_type
    volume_gb   = var.host.volume_gb
    ami_id      = var.host.ami_id
    kms_key_arn = var.host.kms_key_arn != null ? var.host.kms_key_arn : local.key_arn
  }
  hours          = var.host.stop_schedule == null ? null : { stop = var.host.stop_schedule, start = var.host.start_schedule, time_zone = var.host.time_zone }
  patch_schedule = var.host.patch_schedule
  alarms         = var.alarms_enabled ? { topic_arns = [module.observability.alarm_topic_arn] } : null

  network = {
    subnet_id          = module.network.subnet_ids[0]
    security_group_ids = [module.network.security_group_ids["host"]]
  }

  deployment     = module.lanes.deployment
  artifacts_dir  = var.artifacts_dir
  pipelines_json = module.pipelines.json
  stack_json     = jsonencode({ for name, value in local.stack : name => { sensitive = false, value = value } })

  # The functions have the authorities of Amazon RDS built in.
  authorities_pem = join("\n", compact([file("${path.module}/../../../crates/warehouse/certificates/rds-roots.pem"), var.database_ca_pem]))

  kafka = merge(module.kafka.connection, {
    topics = [for topic in module.pipelines.topics : topic.name]
    groups = distinct([for mapping in module.lanes.event_source_mappings : mapping.consumer_group])
  })
  database = module.warehouse.reader

  buckets = concat(
    [{ arn = module.lake.lake.bucket_arn, prefix = "" }],
    [for name in module.lanes.media_bucket[*] : { arn = "arn:${data.aws_partition.current.partition}:s3:::${name}", prefix = "" }],
    [for name in module.lanes.inbox_bucket[*] : { arn = "arn:${data.aws_partition.current.partition}:s3:::${name}", prefix = "${var.inbox.prefix}/" }],
    [for forecast in module.lanes.forecast[*] : { arn = "arn:${data.aws_partition.current.partition}:s3:::${forecast.raw_bucket}", prefix = forecast.raw_prefix }],
  )
  parked_bucket_arn = module.lake.parked.bucket_arn
  decrypt_key_arns  = concat(local.key_arn[*], var.host.decrypt_key_arns)

  functions = {
    names = values(module.lanes.functions)
    # Functions that are called from the internet or by another service are left out.
    invoked_arns    = [for function, arn in module.lanes.live_arns : arn if !contains(["telemetry-gateway", "live-board", "forecast-fetcher"], function)]
    signed_url_arns = [for function, url in module.lanes.urls : module.lanes.live_arns[function] if url.auth == "AWS_IAM"]
    mapping_ids     = flatten([for ids in values(module.lanes.mapping_ids) : values(ids)])
  }
  queue_names      = flatten([for queue in module.lanes.queues : [queue.name, queue.dead_letter_name]])
  token_secret_arn = module.lanes.telemetry_token_secret
}
