# Age of the oldest message in the queue. It grows if the lane is slow, stuck or removed.
resource "aws_cloudwatch_metric_alarm" "age" {
  count = local.fed && var.alarms != null ? 1 : 0

  alarm_name          = "${var.function.name}-age"
  alarm_description   = "${var.function.name} has not handled a message for more than ${var.alarms.age_seconds} s: see its errors and its log group. Runbook: Messages wait too long."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = var.function.name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.age_seconds
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}
