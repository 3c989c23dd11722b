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

# Records that no table took: nothing is lost, and nothing is complete until somebody has looked.
resource "aws_cloudwatch_metric_alarm" "parked" {
  count = var.alarms == null ? 0 : 1

  alarm_name        = "${var.name}-parked"
  alarm_description = "${var.name} parked records: `headwater parked list` shows them and why"
  namespace         = "Headwater"
  metric_name       = "RecordsParked"
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
