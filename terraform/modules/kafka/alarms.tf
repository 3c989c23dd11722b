# Alarms on conditions that stop a cluster: full disks, no CPU left, replicas that fall behind, partitions without a
# leader. All of these metrics are of the level DEFAULT, which is free. One alarm for each broker names the broker; ids
# count from 1.

locals {
  alarms     = local.make ? var.alarms : null
  broker_ids = local.alarms == null ? [] : [for id in range(1, local.brokers + 1) : tostring(id)]
}

resource "aws_cloudwatch_metric_alarm" "disk" {
  for_each = toset(local.broker_ids)

  alarm_name          = "${var.name}-kafka-disk-${each.key}"
  alarm_description   = "The disk of broker ${each.key} of ${var.name} is over ${var.alarms.disk_percent} % full. A full broker stops: raise kafka.maximum_volume_gb, or shorten the topics' retention. Runbook: A broker's disk fills up."
  namespace           = "AWS/Kafka"
  metric_name         = "KafkaDataLogsDiskUsed"
  dimensions          = { "Cluster Name" = var.name, "Broker ID" = each.key }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.disk_percent
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "missing"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}

# AWS recommends less than 60 %. The rest is a reserve for the failure of a broker, and for upgrades, which restart one
# broker at a time.
resource "aws_cloudwatch_metric_alarm" "cpu" {
  for_each = toset(local.broker_ids)

  alarm_name          = "${var.name}-kafka-cpu-${each.key}"
  alarm_description   = "Broker ${each.key} of ${var.name} has used over ${var.alarms.cpu_percent} % of its CPU for a quarter of an hour: take a larger kafka.instance_type, or more brokers. Runbook: A broker has no CPU left."
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.cpu_percent
  evaluation_periods  = 3
  treat_missing_data  = "missing"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns

  metric_query {
    id          = "used"
    expression  = "user + system"
    label       = "CPU used (%)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { user = "CpuUser", system = "CpuSystem" }
    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/Kafka"
        metric_name = metric_query.value
        dimensions  = { "Cluster Name" = var.name, "Broker ID" = each.key }
        stat        = "Average"
        period      = 300
      }
    }
  }
}

# During an upgrade, brokers restart one after another, and each catches up within a few minutes.
resource "aws_cloudwatch_metric_alarm" "under_replicated" {
  for_each = toset(local.broker_ids)

  alarm_name          = "${var.name}-kafka-under-replicated-${each.key}"
  alarm_description   = "Partitions that broker ${each.key} of ${var.name} leads have lacked a replica for half an hour: look for a broker that is down, full or too small. Runbook: Partitions lack a replica."
  namespace           = "AWS/Kafka"
  metric_name         = "UnderReplicatedPartitions"
  dimensions          = { "Cluster Name" = var.name, "Broker ID" = each.key }
  statistic           = "Minimum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 6
  treat_missing_data  = "missing"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}

resource "aws_cloudwatch_metric_alarm" "offline" {
  count = local.alarms == null ? 0 : 1

  alarm_name          = "${var.name}-kafka-offline"
  alarm_description   = "Partitions of ${var.name} have no leader: they cannot be written or read until a broker with a replica is back. Runbook: Partitions have no leader."
  namespace           = "AWS/Kafka"
  metric_name         = "OfflinePartitionsCount"
  dimensions          = { "Cluster Name" = var.name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 3
  treat_missing_data  = "missing"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}
