# How old the newest record is that a mapping has not handled: it grows when a lane is slow, stuck or gone.
resource "aws_cloudwatch_metric_alarm" "lag" {
  for_each = var.alarms == null || var.cluster_name == null ? {} : local.mappings

  # An alarm's name has at most 255 characters, a topic's 249 and a function's 64: long topics are cut, with their hash.
  alarm_name        = "${var.name}-${length(each.key) <= 180 ? each.key : "${substr(each.key, 0, 171)}-${substr(sha1(each.key), 0, 8)}"}-lag"
  alarm_description = "${var.name} is more than ${var.alarms.lag_seconds} s behind on ${each.key}: see its errors and its log group"
  namespace         = "AWS/Kafka"
  metric_name       = "EstimatedMaxTimeLag"
  dimensions = {
    "Cluster Name"   = var.cluster_name
    "Consumer Group" = each.value.consumer_group
    "Topic"          = each.key
  }
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

# Offsets between two deliveries: records that Kafka deleted before they were read, or a batch that was given up. The
# markers of transactions and compacted records leave such gaps, too: topics that have them get a higher threshold.
resource "aws_cloudwatch_metric_alarm" "skipped" {
  count = try(var.alarms.skipped_offsets, null) == null ? 0 : 1

  alarm_name        = "${var.name}-skipped"
  alarm_description = "${var.name} was not given all offsets of a partition: `headwater verify` says whether records were lost"
  namespace         = "Headwater"
  metric_name       = "OffsetsSkipped"
  dimensions = {
    environment = lookup(var.environment, "HEADWATER_ENVIRONMENT", "local")
    function    = var.name
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

# What a lane cannot repair by itself: an operator must look before Kafka deletes the records.
resource "aws_cloudwatch_metric_alarm" "lost_track" {
  for_each = var.alarms == null ? {} : {
    holes-forgotten = {
      metric      = "HolesForgotten"
      description = "${var.name} had more open deliveries than it remembers: records between them are parked, `headwater offsets show` names the range"
    }
    topic-recreated = {
      metric      = "TopicsRecreated"
      description = "${var.name} stores nothing of a topic that was created again: see `headwater offsets show`, then `headwater offsets reset`"
    }
  }

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = each.value.description
  namespace         = "Headwater"
  metric_name       = each.value.metric
  dimensions = {
    environment = lookup(var.environment, "HEADWATER_ENVIRONMENT", "local")
    function    = var.name
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

# The alarm on parked records is the function's, for every lane that parks: one that is there already is kept.
moved {
  from = aws_cloudwatch_metric_alarm.parked
  to   = module.function.aws_cloudwatch_metric_alarm.parked
}
