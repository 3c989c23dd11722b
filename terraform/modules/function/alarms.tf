locals {
  alarms = var.alarms == null ? {} : {
    errors = {
      metric      = "Errors"
      statistic   = "Sum"
      threshold   = 0
      description = "${var.function.name} failed: see its log group. Runbook: A function fails."
    }
    throttles = {
      metric      = "Throttles"
      statistic   = "Sum"
      threshold   = 0
      description = "${var.function.name} was throttled: the account's concurrency, or its reserved one, is exhausted. Runbook: A function is throttled."
    }
    duration = {
      metric      = "Duration"
      statistic   = "Maximum"
      threshold   = var.function.timeout_seconds * 1000 * 0.8
      description = "${var.function.name} uses more than 80 % of its ${var.function.timeout_seconds} s. Runbook: A function is close to its timeout."
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = { for name, alarm in local.alarms : name => alarm if try(var.alarms.early, true) || name == "errors" }

  alarm_name          = "${var.function.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = "AWS/Lambda"
  metric_name         = each.value.metric
  dimensions          = { FunctionName = aws_lambda_function.this.function_name }
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = 60
  # Two of three minutes, because a single retried batch needs no operator.
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}

# Records that no table could store. They are kept on S3, but the tables are incomplete until an operator acts.
resource "aws_cloudwatch_metric_alarm" "parked" {
  count = var.alarms != null && var.parks_records ? 1 : 0

  alarm_name        = "${var.function.name}-parked"
  alarm_description = "${var.function.name} parked records: `headwater parked list` shows them and why. Runbook: Records are parked."
  namespace         = "Headwater"
  metric_name       = "RecordsParked"
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

# Faults that an operator must fix: a bad setting, pipeline file or secret, a schema that does not fit, a sink that
# refuses. A function that answers with the records to retry has not failed, so Lambda's own metric Errors does not
# count it.
resource "aws_cloudwatch_metric_alarm" "faults" {
  count = var.alarms == null ? 0 : 1

  alarm_name        = "${var.function.name}-faults"
  alarm_description = "${var.function.name} has faults: the field `fault` in its log group names them and what to do. Runbook: A function has faults."
  namespace         = "Headwater"
  metric_name       = "Faults"
  dimensions = {
    environment = lookup(var.function.environment, "HEADWATER_ENVIRONMENT", "local")
    function    = var.function.name
  }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  # In two of three minutes, as for errors: a single invocation that succeeds on retry needs no operator.
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}
