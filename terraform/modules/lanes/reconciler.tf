# reconciler checks every hour whether each record in Kafka is stored or parked exactly once.

module "reconciler" {
  source = "../scheduled_function"
  count  = var.enabled.reconciler ? 1 : 0

  function = merge(local.function["reconciler"], {
    description = "Certificates: whether every record that Kafka took is stored or parked, and none twice"

    environment = merge(
      local.common_environment,
      local.database_environment["writer"],
      local.kafka_environment,
      local.pipelines_environment,
      {
        LAKE_ROOT     = var.lake.root
        PARKED_ROOT   = var.parked.root
        GRACE_MINUTES = tostring(var.certificates.grace_minutes)
      },
    )

    policy_statements = concat(
      [
        {
          sid       = "ReadTables"
          actions   = ["s3:GetObject"]
          resources = [for path in local.table_paths : "${var.lake.bucket_arn}/${path}/*"]
          condition = {}
        },
        {
          # IfExists: before S3 answers 404 for a missing object, it checks this permission without a prefix.
          sid       = "ListTables"
          actions   = ["s3:ListBucket"]
          resources = length(local.table_paths) == 0 ? [] : [var.lake.bucket_arn]
          condition = { StringLikeIfExists = { "s3:prefix" = [for path in local.table_paths : "${path}/*"] } }
        },
      ],
      local.read_parked,
      # reconciler reads records without a consumer group. It only describes the groups of the lanes, and can neither
      # join one nor commit for it.
      [for statement in [
        { sid = "Connect", actions = ["kafka-cluster:Connect"], resources = [var.kafka.cluster_arn], condition = {} },
        { sid = "ReadTopics", actions = ["kafka-cluster:DescribeTopic", "kafka-cluster:DescribeTopicDynamicConfiguration", "kafka-cluster:ReadData"], resources = local.kafka_topics, condition = {} },
        { sid = "DescribeGroups", actions = ["kafka-cluster:DescribeGroup"], resources = local.kafka_groups, condition = {} },
      ] : statement if var.kafka.auth == "msk-iam"],
      var.warehouse.writer.statements,
      local.pipelines_statements,
    )
  })

  alarms      = var.alarms
  start_after = concat(var.kafka.topics_ready, local.migrated)

  schedule = {
    expression = var.certificates.schedule
    enabled    = var.schedules_enabled
    input      = jsonencode({})
  }
  # No queue for failed runs: the next run does the same work.
  dead_letter_queue = false
}
