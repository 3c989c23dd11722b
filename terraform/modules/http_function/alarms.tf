# Requests that failed: 502 if the function failed, and every 5xx answer of the function itself.
resource "aws_cloudwatch_metric_alarm" "url_5xx" {
  count = var.alarms == null ? 0 : 1

  alarm_name          = "${var.function.name}-5xx"
  alarm_description   = "${var.function.name} answers 5xx: see its log group, and check that the services it calls are reachable. Runbook: A URL answers 5xx."
  namespace           = "AWS/Lambda"
  metric_name         = "Url5xxCount"
  dimensions          = { FunctionName = module.function.name }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  # Two of three minutes, as for errors: clients retry during a short broker change.
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}
