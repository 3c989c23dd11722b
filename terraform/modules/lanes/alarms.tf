# What the functions with a schedule say of their own work, an hour at a time.

resource "aws_cloudwatch_metric_alarm" "scheduled" {
  for_each = { for name, alarm in {
    # A table whose log grows without a checkpoint, whose small files are not joined, or that cannot be read at all.
    behind = {
      function    = "lake-keeper"
      metric      = "TablesBehind"
      description = "lake-keeper does not keep up with a table, or fails on it: its log names the table and why. Readers and cold starts become slower. Give it more memory or time (sizes.lake_keeper), or run it more often (upkeep.schedule). Runbook: lake-keeper is behind."
      threshold   = 0
      hours       = 3
      missing     = var.schedules_enabled ? "breaching" : "notBreaching"
    }
    # Records are missing or doubled, or a sum is not that of the records.
    certificate-failed = {
      function    = "reconciler"
      metric      = "CertificatesFailed"
      description = "A certificate does not hold: a lane lacks records that Kafka took, has some twice, or a sum is wrong. `headwater certificates` names the window and the offsets. It is judged again each hour, and the alarm ends when it holds or `headwater certificates accept` says why it is borne. Runbook: A certificate failed."
      threshold   = 0
      hours       = 1
      missing     = "ignore" # Between two runs there is no news.
    }
    # No certificate for three hours: the function does not run, or cannot read a topic or its sinks.
    certificate-late = {
      function    = "reconciler"
      metric      = "OldestUncertifiedSeconds"
      description = "A lane has had no certificate for three hours: its windows are not compared, so nobody knows whether records are missing. The log of reconciler names the topic and why. Give it more time or memory (sizes.reconciler) where it runs out of them. Runbook: No certificate was made."
      threshold   = 7200 # A certificate each hour; two hours late is late.
      hours       = 3
      missing     = var.schedules_enabled ? "breaching" : "notBreaching"
    }
  } : name => alarm if var.alarms != null && local.enabled[alarm.function] }

  alarm_name        = "${local.names[each.value.function]}-${each.key}"
  alarm_description = each.value.description
  namespace         = "Headwater"
  metric_name       = each.value.metric
  dimensions = {
    environment = var.environment
    function    = local.names[each.value.function]
  }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = 3600
  evaluation_periods  = each.value.hours
  datapoints_to_alarm = each.value.hours > 1 ? each.value.hours : null
  treat_missing_data  = each.value.missing
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}

# States from before the three were one resource: what is there is kept.

moved {
  from = aws_cloudwatch_metric_alarm.tables_behind[0]
  to   = aws_cloudwatch_metric_alarm.scheduled["behind"]
}

moved {
  from = aws_cloudwatch_metric_alarm.certificate_failed[0]
  to   = aws_cloudwatch_metric_alarm.scheduled["certificate-failed"]
}

moved {
  from = aws_cloudwatch_metric_alarm.certificate_late[0]
  to   = aws_cloudwatch_metric_alarm.scheduled["certificate-late"]
}
