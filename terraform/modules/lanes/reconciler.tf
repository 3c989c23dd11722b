# The proof: hour after hour, whether every record that Kafka took is stored or parked, and none twice.

locals {
  # A certificate each hour; two hours late is late.
  certificate_late_seconds = 7200
}

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
          # IfExists: S3 asks this permission without a prefix too, before it says of an object that it is not there.
          sid       = "ListTables"
          actions   = ["s3:ListBucket"]
          resources = length(local.table_paths) == 0 ? [] : [var.lake.bucket_arn]
          condition = { StringLikeIfExists = { "s3:prefix" = [for path in local.table_paths : "${path}/*"] } }
        },
      ],
      local.read_parked,
      # It reads records without a consumer group, and only looks at the groups of the lanes: it cannot join one or commit for it.
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
  # A run that was given up is made good by the next one.
  dead_letter_queue = false
}

# Records are missing or doubled, or a sum is not that of the records.
resource "aws_cloudwatch_metric_alarm" "certificate_failed" {
  count = var.alarms == null || !var.enabled.reconciler ? 0 : 1

  alarm_name        = "${local.names["reconciler"]}-certificate-failed"
  alarm_description = "A certificate does not hold: a lane lacks records that Kafka took, has some twice, or a sum is wrong. `headwater certificates` names the window and the offsets. It is judged again each hour, and the alarm ends when it holds or `headwater certificates accept` says why it is borne. Runbook: A certificate failed."
  namespace         = "Headwater"
  metric_name       = "CertificatesFailed"
  dimensions = {
    environment = var.environment
    function    = local.names["reconciler"]
  }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 3600
  evaluation_periods  = 1
  # Between two runs there is no news.
  treat_missing_data = "ignore"
  alarm_actions      = var.alarms.topic_arns
  ok_actions         = var.alarms.topic_arns
}

# No certificate for three hours: the function does not run, or cannot read a topic or its sinks.
resource "aws_cloudwatch_metric_alarm" "certificate_late" {
  count = var.alarms == null || !var.enabled.reconciler ? 0 : 1

  alarm_name        = "${local.names["reconciler"]}-certificate-late"
  alarm_description = "A lane has had no certificate for three hours: its windows are not compared, so nobody knows whether records are missing. The log of reconciler names the topic and why. Give it more time or memory (sizes.reconciler) where it runs out of them. Runbook: No certificate was made."
  namespace         = "Headwater"
  metric_name       = "OldestUncertifiedSeconds"
  dimensions = {
    environment = var.environment
    function    = local.names["reconciler"]
  }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = local.certificate_late_seconds
  period              = 3600
  evaluation_periods  = 3
  datapoints_to_alarm = 3
  treat_missing_data  = var.schedules_enabled ? "breaching" : "notBreaching"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}
