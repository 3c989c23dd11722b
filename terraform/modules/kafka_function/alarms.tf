# How old the newest record is that a mapping has not handled: it grows when a lane is slow, stuck or gone.
resource "aws_cloudwatch_metric_alarm" "lag" {
  for_each = var.alarms == null || var.cluster_name == null ? {} : local.mappings

  alarm_name        = "${var.name}-${each.key}-lag"
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

# The alarm on parked records is the function's, for every lane that parks: one that is there already is kept.
moved {
  from = aws_cloudwatch_metric_alarm.parked
  to   = module.function.aws_cloudwatch_metric_alarm.parked
}
