module "rooms_generator" {
  source = "../scheduled_function"
  count  = var.enabled.rooms_generator ? 1 : 0

  function = merge(local.function["rooms-generator"], {
    description = "Produces room counts on a schedule"

    environment = merge(local.common_environment, local.kafka_environment, {
      ROOMS_TOPIC = var.rooms.topic
      ROOMS_COUNT = tostring(var.rooms.count)
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
  })

  alarms      = var.alarms
  start_after = concat(var.kafka.topics_ready, local.migrated)

  schedule = {
    expression = var.rooms.schedule
    enabled    = var.schedules_enabled
  }
  dead_letter_queue = var.dead_letter_queues
}
