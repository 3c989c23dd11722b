# Everything in one AWS account: network, Kafka, Postgres, lake, functions, mappings, alarms.

data "aws_caller_identity" "current" {}

locals {
  name = "${var.name}-${var.environment}"

  # IAM is global, so the names of roles contain the region.
  roles = { suffix = "-${replace(var.region, "-", "")}", permissions_boundary_arn = var.permissions_boundary_arn }

  # Bucket names are unique in all of AWS.
  buckets = { suffix = "-${data.aws_caller_identity.current.account_id}-${var.region}", force_destroy = var.force_destroy }
}

module "pipelines" {
  source    = "../../modules/pipelines"
  directory = coalesce(var.pipelines_dir, "${path.module}/../../../pipelines")
  windows   = var.batch_windows
}

module "network" {
  source = "../../modules/network"
  name   = local.name

  existing          = var.network.existing
  cidr              = var.network.cidr
  zones             = var.network.zones
  default_zones     = local.profile.zones
  zone_ids          = var.network.zone_ids
  egress            = local.egress
  nat_per_zone      = local.nat_per_zone
  nat_instance      = { for name, value in var.network.nat_instance : name => value if value != null }
  alarms            = var.alarms_enabled ? { topic_arns = [module.observability.alarm_topic_arn] } : null
  existing_services = var.network.existing_services
  on_demand_pollers = module.pipelines.on_demand_pollers
  services          = concat(var.network.board_endpoints ? ["logs", "sqs"] : [], local.host_services)
  host              = local.host_enabled
}

module "kafka" {
  source = "../../modules/kafka"
  name   = local.name

  existing           = var.existing_kafka
  cluster            = local.kafka
  alarms             = var.alarms_enabled ? { topic_arns = [module.observability.alarm_topic_arn] } : null
  log_retention_days = local.profile.log_days
  topics             = module.pipelines.topics
  manage_topics      = var.manage_topics
  generation         = var.generation
  kms_key_arn        = local.key_arn
  subnet_ids         = module.network.subnet_ids
  security_group_ids = [module.network.security_group_ids["kafka"]]
}

module "warehouse" {
  source = "../../modules/warehouse"
  name   = local.name

  existing           = var.existing_database
  existing_url       = var.existing_database_url
  instance           = local.database
  alarms             = var.alarms_enabled ? { topic_arns = [module.observability.alarm_topic_arn], connections = local.profile.connections } : null
  log_retention_days = local.profile.log_days
  allow_destroy      = var.allow_destroy
  final_snapshot     = var.final_snapshot
  generation         = var.database_generation
  kms_key_arn        = local.key_arn
  subnet_ids         = module.network.subnet_ids
  security_group_ids = [module.network.security_group_ids["database"]]
}

module "lake" {
  source      = "../../modules/lake"
  name_prefix = local.name
  buckets     = local.buckets
  tables      = module.pipelines.lake_tables
  kms_key_arn = local.key_arn
  job_tables  = var.forecast == null ? {} : { forecast_72 = var.forecast.table_path }
}

module "lanes" {
  source        = "../../modules/lanes"
  name_prefix   = local.name
  environment   = var.environment
  artifacts_dir = var.artifacts_dir
  architecture  = var.architecture
  sizes         = local.sizes
  log_level     = var.log_level
  enabled       = local.lanes
  held_versions = var.held_versions
  roles         = local.roles

  kms_key_arn   = local.key_arn
  bucket_prefix = local.name
  buckets       = local.buckets

  pipelines = module.pipelines
  kafka     = module.kafka.connection
  warehouse = module.warehouse
  lake      = module.lake.lake
  parked    = module.lake.parked

  database_ca_pem = var.database_ca_pem

  network = {
    subnet_ids         = module.network.subnet_ids
    security_group_ids = [module.network.security_group_ids["functions"]]
  }

  schedules_enabled = var.schedules_enabled
  rooms             = var.rooms
  media             = local.media
  inbox             = local.inbox
  telemetry         = var.telemetry
  schema            = var.schema
  upkeep            = var.upkeep
  certificates      = var.certificates

  forecast         = var.forecast
  forecast_job_dir = coalesce(var.forecast_job_dir, "${path.module}/../../../emr/forecast_72")

  # A deleted secret keeps its name while it can be recovered, so a second deployment with the same name would fail.
  secret_recovery_days = var.allow_destroy ? 0 : 30

  alarms = var.alarms_enabled ? {
    topic_arns      = [module.observability.alarm_topic_arn]
    early           = coalesce(var.early_alarms, local.profile.early_alarms)
    lag_seconds     = var.lag_alarm_seconds
    lag_records     = var.lag_alarm_records
    busy_topics     = local.busy_topics
    stale_minutes   = var.stale_alarm_minutes
    age_seconds     = var.queue_age_alarm_seconds
    skipped_offsets = var.skipped_offsets_alarm
  } : null
}

module "observability" {
  source = "../../modules/observability"
  name   = local.name

  environment         = var.environment
  function_names      = values(module.lanes.functions)
  mappings            = module.lanes.event_source_mappings
  queues              = module.lanes.queues
  url_function_names  = [for function in keys(module.lanes.urls) : module.lanes.functions[function]]
  cluster_name        = module.kafka.connection.cluster_name
  database_identifier = module.warehouse.identifier
  fetchers            = module.lanes.forecast[*].function_name
  keepers             = [for function, name in module.lanes.functions : name if function == "lake-keeper"]
  reconcilers         = [for function, name in module.lanes.functions : name if function == "reconciler"]
  state_machine_arns  = module.lanes.forecast[*].state_machine_arn
  alarm_emails        = var.alarm_emails
  alarm_topic_arn     = var.alarm_topic_arn
  kms_key_arn         = local.key_arn
  budget              = local.budget
}
