# Alarms on conditions that stop a database: no storage, no CPU, no connections left.

locals {
  alarms = !local.make || var.alarms == null ? {} : {
    storage = {
      metric      = "FreeStorageSpace"
      statistic   = "Minimum"
      comparison  = "LessThanThreshold"
      threshold   = var.instance.storage_gb * pow(1024, 3) * var.alarms.free_storage_percent / 100
      periods     = 1
      description = "Less than ${var.alarms.free_storage_percent} % of the initial ${var.instance.storage_gb} GB is free. RDS adds storage up to ${var.instance.maximum_storage_gb} GB: raise database.maximum_storage_gb, or shorten the tables' retention. Runbook: The database runs out of storage."
    }
    cpu = {
      metric      = "CPUUtilization"
      statistic   = "Average"
      comparison  = "GreaterThanThreshold"
      threshold   = var.alarms.cpu_percent
      periods     = 3
      description = "The CPU was used to more than ${var.alarms.cpu_percent} % for a quarter of an hour: take a larger database.class. Runbook: The database has no CPU left."
    }
    connections = {
      metric      = "DatabaseConnections"
      statistic   = "Maximum"
      comparison  = "GreaterThanThreshold"
      threshold   = var.alarms.connections
      periods     = 1
      description = "More than ${var.alarms.connections} connections. At the limit of the class (about 110 per GB of memory), Postgres refuses the functions: limit their concurrency, or take a larger database.class. Runbook: The database runs out of connections."
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-database-${each.key}"
  alarm_description   = "${var.name}: ${each.value.description}"
  namespace           = "AWS/RDS"
  metric_name         = each.value.metric
  dimensions          = { DBInstanceIdentifier = aws_db_instance.this[0].identifier }
  statistic           = each.value.statistic
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = each.value.periods
  treat_missing_data  = "missing"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}
