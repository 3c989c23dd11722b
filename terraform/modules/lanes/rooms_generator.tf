module "rooms_generator" {
  source = "../scheduled_function"

  name            = local.names["rooms-generator"]
  description     = "Produces room counts on a schedule"
  code            = local.code["rooms-generator"]
  architecture    = var.architecture
  memory_mb       = var.sizes.rooms_generator.memory_mb
  timeout_seconds = var.sizes.rooms_generator.timeout_seconds
  log_level       = var.log_level
  network         = var.network
  alarms          = var.alarms == null ? null : { topic_arns = var.alarms.topic_arns }
  versions        = var.versions
  start_after     = local.migrated

  environment = merge(local.common_environment, {
    KAFKA_BOOTSTRAP_SERVERS = var.kafka.bootstrap_servers
    KAFKA_AUTH              = var.kafka.auth
    ROOMS_TOPIC             = var.rooms.topic
    ROOMS_COUNT             = tostring(var.rooms.count)
  })

  policy_statements = [for statement in [
    {
      sid       = "Connect"
      actions   = ["kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"]
      resources = [var.kafka.cluster_arn]
    },
    {
      sid       = "Produce"
      actions   = ["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"]
      resources = ["${replace(coalesce(var.kafka.cluster_arn, "none"), ":cluster/", ":topic/")}/${var.rooms.topic}"]
    },
  ] : statement if var.kafka.auth == "msk-iam"]

  schedule = {
    expression = var.rooms.schedule
    enabled    = var.schedules_enabled
  }
  dead_letter_queue = var.dead_letter_queues
}
