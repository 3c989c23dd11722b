# Alarms on metrics that scheduled functions write about their own work. Their period is one hour.

resource "aws_cloudwatch_metric_alarm" "scheduled" {
  for_each = { for name, alarm in {
    # A table whose log has no new checkpoint, whose small files are not compacted, or that cannot be read.
    behind = {
      function    = "lake-keeper"
      metric      = "TablesBehind"
      description = "lake-keeper does not keep up with a table, or fails on it: its log names the table and the reason. Readers and cold starts become slower. Give lake-keeper more memory or time (sizes.lake_keeper), or run it more often (upkeep.schedule). Runbook: lake-keeper is behind."
      threshold   = 0
      hours       = 3
      missing     = var.schedules_enabled ? "breaching" : "notBreaching"
    }
    # Records are missing or stored twice, or a sum does not match the records.
    certificate-failed = {
      function    = "reconciler"
      metric      = "CertificatesFailed"
      description = "A certificate failed: in a lane, records are missing or stored twice, or a sum is wrong. `headwater certificates` names the window and the offsets. reconciler checks the window again every hour. The alarm ends when the check succeeds, or when an operator accepts the certificate with a reason (`headwater certificates accept`). Runbook: A certificate failed."
      threshold   = 0
      hours       = 1
      missing     = "ignore" # no data between two runs
    }
    # No certificate for three hours: the function does not run, or cannot read a topic or its sinks.
    certificate-late = {
      function    = "reconciler"
      metric      = "OldestUncertifiedSeconds"
      description = "A lane has had no certificate for three hours: its windows are not checked for missing records. The log of reconciler names the topic and the reason. If reconciler runs out of time or memory, give it more (sizes.reconciler). Runbook: No certificate was made."
      threshold   = 7200 # two hours; a certificate is due every hour
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

# For states from before the three alarms became one resource: keeps the existing alarms.

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
