locals {
  run_alarms = var.alarms == null ? {} : {
    failed    = { metric = "ExecutionsFailed", description = "A run of ${var.name} failed: its error and cause say at which step, and the next run catches up with what is stored" }
    timed-out = { metric = "ExecutionsTimedOut", description = "A run of ${var.name} took too long and was ended" }
    aborted   = { metric = "ExecutionsAborted", description = "A run of ${var.name} was stopped by hand" }
  }
}

resource "aws_cloudwatch_metric_alarm" "runs" {
  for_each = local.run_alarms

  # NAME-failed is already the alarm of the queue that keeps failed starts.
  alarm_name          = "${var.name}-run-${each.key}"
  alarm_description   = "${each.value.description}. Runbook: A forecast run failed."
  namespace           = "AWS/States"
  metric_name         = each.value.metric
  dimensions          = { StateMachineArn = aws_sfn_state_machine.this.arn }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}

# A run that never started raises no failure alarm, so this alarm counts successful runs. It has periods of one hour,
# because only then may an alarm look back more than a day (at most seven days).
resource "aws_cloudwatch_metric_alarm" "missed" {
  count = try(var.alarms.missed_run_hours, null) == null ? 0 : 1

  alarm_name          = "${var.name}-missed"
  alarm_description   = "No run of ${var.name} has succeeded in ${var.alarms.missed_run_hours} hours: is the schedule on, and did its role start one? Runbook: No forecast run succeeded."
  namespace           = "AWS/States"
  metric_name         = "ExecutionsSucceeded"
  dimensions          = { StateMachineArn = aws_sfn_state_machine.this.arn }
  statistic           = "Sum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 3600
  evaluation_periods  = var.alarms.missed_run_hours
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}

# A run succeeds as soon as one city is stored. This alarm reports the cities that are missing.
resource "aws_cloudwatch_metric_alarm" "items" {
  count = var.alarms == null ? 0 : 1

  alarm_name        = "${var.name}-items"
  alarm_description = "Cities are missing in a run of ${var.name}: its output and the log of ${var.function.name} name them and the reasons. Runbook: Cities are missing in a forecast."
  namespace         = "Headwater"
  metric_name       = "ItemsFailed"
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
