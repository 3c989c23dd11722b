# A queue that keeps failed messages and invocations for an operator, and its alarm.

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  name = "${var.function_name}-failed"
  # The ARN is built from its parts, so roles and schedules do not wait for the queue.
  arn = "arn:${data.aws_partition.current.partition}:sqs:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:${local.name}"
}

resource "aws_sqs_queue" "this" {
  name                      = local.name
  message_retention_seconds = 1209600 # 14 days, the maximum of SQS
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
}

resource "aws_cloudwatch_metric_alarm" "this" {
  count = var.alarms == null ? 0 : 1

  alarm_name          = local.name
  alarm_description   = "${var.what} of ${var.function_name} was given up: see the queue ${local.name}. Runbook: A message or an invocation was given up."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = local.name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}
