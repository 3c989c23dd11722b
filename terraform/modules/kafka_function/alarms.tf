locals {
  # An alarm's name has at most 255 characters, a topic's 249 and a function's 64. So a long topic name is cut and gets
  # a hash.
  alarm_topics = { for topic in keys(local.mappings) : topic => length(topic) <= 180 ? topic : "${substr(topic, 0, 171)}-${substr(sha1(topic), 0, 8)}" }

  # Dimensions of MSK's metrics for each mapping, by topic.
  groups = var.alarms == null || var.cluster_name == null ? {} : { for topic, mapping in local.mappings : topic => {
    "Cluster Name"   = var.cluster_name
    "Consumer Group" = mapping.consumer_group
    "Topic"          = topic
  } }

  # Topics of this function in which records arrive at all times.
  busy_topics = var.alarms == null ? [] : [for topic in var.alarms.busy_topics : topic if contains(keys(local.mappings), topic)]
}

# Age of the oldest record that a mapping has not handled. It grows if a lane is slow, stuck or gone. MSK has this
# metric only while the group commits, so it is missing both if no records arrive and if the lane does not work.
resource "aws_cloudwatch_metric_alarm" "lag" {
  for_each = local.groups

  alarm_name          = "${var.function.name}-${local.alarm_topics[each.key]}-lag"
  alarm_description   = "${var.function.name} is more than ${var.alarms.lag_seconds} s behind on ${each.key}: see its errors and its log group. Runbook: A mapping is behind."
  namespace           = "AWS/Kafka"
  metric_name         = "EstimatedMaxTimeLag"
  dimensions          = each.value
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.lag_seconds
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}

# Number of records that a mapping has not handled. A mapping that never worked has no group, and MSK has no metric for
# it. For topics with records at all times, a missing metric raises the alarm, too.
resource "aws_cloudwatch_metric_alarm" "backlog" {
  for_each = local.groups

  alarm_name          = "${var.function.name}-${local.alarm_topics[each.key]}-backlog"
  alarm_description   = "${var.function.name} has more than ${var.alarms.lag_records} records of ${each.key} before it${contains(local.busy_topics, each.key) ? ", or its group ${each.value["Consumer Group"]} does not exist: does its event source mapping work?" : ": see its errors and its log group."} Runbook: A mapping is behind."
  namespace           = "AWS/Kafka"
  metric_name         = "SumOffsetLag"
  dimensions          = each.value
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.lag_records
  period              = 60
  evaluation_periods  = 10
  datapoints_to_alarm = 10
  treat_missing_data  = contains(local.busy_topics, each.key) ? "breaching" : "notBreaching"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}

# Records arrive, but none was stored recently. The function writes this metric, so a missing metric also shows a
# disabled mapping or a function that is not invoked.
resource "aws_cloudwatch_metric_alarm" "stale" {
  count = length(local.busy_topics) > 0 ? 1 : 0

  alarm_name        = "${var.function.name}-stale"
  alarm_description = "${var.function.name} has stored nothing for ${var.alarms.stale_minutes} minutes, although records arrive in ${join(", ", local.busy_topics)}: are its event source mappings enabled, and does its log group name faults? Runbook: Nothing is stored although records arrive."
  namespace         = "Headwater"
  metric_name       = "RecordsStored"
  dimensions = {
    environment = lookup(var.function.environment, "HEADWATER_ENVIRONMENT", "local")
    function    = var.function.name
  }
  statistic           = "Sum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 300
  evaluation_periods  = ceil(var.alarms.stale_minutes / 5)
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}

# Offsets between two deliveries: records that Kafka deleted before they were read, or a batch that was given up.
# Transaction markers and compacted records leave such gaps, too, so topics with these need a higher threshold.
resource "aws_cloudwatch_metric_alarm" "skipped" {
  count = try(var.alarms.skipped_offsets, null) == null ? 0 : 1

  alarm_name        = "${var.function.name}-skipped"
  alarm_description = "${var.function.name} was not given all offsets of a partition: `headwater verify` says whether records were lost. Runbook: Offsets were skipped."
  namespace         = "Headwater"
  metric_name       = "OffsetsSkipped"
  dimensions = {
    environment = lookup(var.function.environment, "HEADWATER_ENVIRONMENT", "local")
    function    = var.function.name
  }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.skipped_offsets
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}

# Problems that a lane cannot repair by itself. An operator must act before Kafka deletes the records.
resource "aws_cloudwatch_metric_alarm" "lost_track" {
  for_each = var.alarms == null ? {} : {
    holes-forgotten = {
      metric      = "HolesForgotten"
      description = "${var.function.name} had more open deliveries than it remembers: records between them are parked, `headwater offsets show` names the range. Runbook: Deliveries were forgotten."
    }
    topic-recreated = {
      metric      = "TopicsRecreated"
      description = "${var.function.name} stores nothing of a topic that was created again: see `headwater offsets show`, then `headwater offsets reset`. Runbook: A topic was deleted and created again."
    }
  }

  alarm_name        = "${var.function.name}-${each.key}"
  alarm_description = each.value.description
  namespace         = "Headwater"
  metric_name       = each.value.metric
  dimensions = {
    environment = lookup(var.function.environment, "HEADWATER_ENVIRONMENT", "local")
    function    = var.function.name
  }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}

# Module function now has the alarm on parked records of every lane: keeps the existing alarm.
moved {
  from = aws_cloudwatch_metric_alarm.parked
  to   = module.function.aws_cloudwatch_metric_alarm.parked
}
