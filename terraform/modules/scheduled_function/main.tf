# A function that EventBridge Scheduler invokes, with a dead-letter queue for what neither Scheduler nor Lambda could deliver.

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  account_arn = "${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"

  # Made from its parts, so that nothing has to wait for the queue.
  queue_name = "${var.name}-failed"
  queue_arn  = "arn:${data.aws_partition.current.partition}:sqs:${local.account_arn}:${local.queue_name}"

  queue_statements = [for statement in [{
    sid       = "KeepFailedInvocations"
    actions   = ["sqs:SendMessage"]
    resources = [local.queue_arn]
  }] : statement if var.dead_letter_queue]

  scheduler_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{ Sid = "Invoke", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = [module.function.arn] }],
      [for statement in local.queue_statements : { Sid = statement.sid, Effect = "Allow", Action = statement.actions, Resource = statement.resources }],
    )
  })
}

module "function" {
  source = "../function"

  name                 = var.name
  description          = var.description
  code                 = var.code
  architecture         = var.architecture
  memory_mb            = var.memory_mb
  timeout_seconds      = var.timeout_seconds
  reserved_concurrency = var.reserved_concurrency
  environment          = var.environment
  log_level            = var.log_level
  log_retention_days   = var.log_retention_days
  policy_statements    = concat(var.policy_statements, local.queue_statements)
  network              = var.network
  alarms               = var.alarms
}

resource "aws_sqs_queue" "failed" {
  count = var.dead_letter_queue ? 1 : 0

  name                      = local.queue_name
  message_retention_seconds = 1209600 # 14 days, the longest
  sqs_managed_sse_enabled   = true
}

# Scheduler invokes asynchronously: an error inside the function is Lambda's to retry, not Scheduler's.
resource "aws_lambda_function_event_invoke_config" "this" {
  count = var.dead_letter_queue ? 1 : 0

  function_name                = module.function.name
  maximum_retry_attempts       = var.retry.attempts
  maximum_event_age_in_seconds = var.retry.maximum_age_seconds

  destination_config {
    on_failure {
      destination = local.queue_arn
    }
  }

  depends_on = [aws_sqs_queue.failed]
}

resource "aws_iam_role" "scheduler" {
  name        = "${var.name}-schedule"
  description = "Lets EventBridge Scheduler invoke ${var.name}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = data.aws_caller_identity.current.account_id
          "aws:SourceArn"     = "arn:${data.aws_partition.current.partition}:scheduler:${local.account_arn}:schedule-group/default"
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  name   = "schedule"
  role   = aws_iam_role.scheduler.name
  policy = local.scheduler_policy
}

resource "aws_scheduler_schedule" "this" {
  name                = var.name
  description         = "Invokes ${var.name}"
  group_name          = "default"
  schedule_expression = var.schedule.expression
  state               = var.schedule.enabled ? "ENABLED" : "DISABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = module.function.arn
    role_arn = aws_iam_role.scheduler.arn
    input    = var.schedule.input

    retry_policy {
      maximum_retry_attempts       = var.retry.attempts
      maximum_event_age_in_seconds = var.retry.maximum_age_seconds
    }

    dynamic "dead_letter_config" {
      for_each = var.dead_letter_queue ? [local.queue_arn] : []
      content {
        arn = dead_letter_config.value
      }
    }
  }

  depends_on = [aws_iam_role_policy.scheduler]
}

resource "aws_cloudwatch_metric_alarm" "failed" {
  count = var.alarms != null && var.dead_letter_queue ? 1 : 0

  alarm_name          = "${var.name}-failed"
  alarm_description   = "An invocation of ${var.name} was given up: see the queue ${local.queue_name}"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = local.queue_name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}
