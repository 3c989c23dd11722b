# EventBridge Scheduler invokes a function or starts a state machine: the schedule, and the role that it takes for it.

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  account_arn = "${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{ Sid = "Invoke", Effect = "Allow", Action = [var.action], Resource = [var.target_arn] }],
      [for arn in var.dead_letter_arn[*] : { Sid = "KeepFailedInvocations", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = [arn] }],
      [for arn in var.dead_letter_arn == null ? [] : var.kms_key_arn[*] : { Sid = "UseKey", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [arn] }],
    )
  })
}

resource "aws_iam_role" "this" {
  name                 = "${var.name}${var.role.suffix}-schedule"
  description          = "Lets EventBridge Scheduler invoke ${var.name}"
  permissions_boundary = var.role.permissions_boundary_arn

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

resource "aws_iam_role_policy" "this" {
  name   = "schedule"
  role   = aws_iam_role.this.name
  policy = local.policy
}

resource "aws_scheduler_schedule" "this" {
  # checkov:skip=CKV_AWS_297:the schedule holds no secret, only the settings of a run; AWS encrypts it with a key of its own
  name                = var.name
  description         = "Invokes ${var.name}"
  group_name          = "default"
  schedule_expression = var.schedule.expression
  state               = var.schedule.enabled ? "ENABLED" : "DISABLED"

  schedule_expression_timezone = var.schedule.time_zone

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = var.target_arn
    role_arn = aws_iam_role.this.arn
    input    = var.schedule.input

    retry_policy {
      maximum_retry_attempts       = var.retry.attempts
      maximum_event_age_in_seconds = var.retry.maximum_age_seconds
    }

    dynamic "dead_letter_config" {
      for_each = var.dead_letter_arn[*]
      content {
        arn = dead_letter_config.value
      }
    }
  }

  depends_on = [aws_iam_role_policy.this]
}
