# A schedule of EventBridge Scheduler that invokes a function or starts a state machine, and the role that Scheduler
# assumes.

locals {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{ Sid = "Invoke", Effect = "Allow", Action = [var.action], Resource = [var.target_arn] }],
      [for arn in var.dead_letter_arn[*] : { Sid = "KeepFailedInvocations", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = [arn] }],
      [for arn in var.dead_letter_arn == null ? [] : var.kms_key_arn[*] : { Sid = "UseKey", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [arn] }],
    )
  })
}

module "role" {
  source = "../scheduler_role"

  name                     = "${var.name}${var.role.suffix}-schedule"
  description              = "Lets EventBridge Scheduler invoke ${var.name}"
  policy                   = local.policy
  permissions_boundary_arn = var.role.permissions_boundary_arn
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
    role_arn = module.role.arn
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
}

# For states from before the role became a module: keeps the existing role.

moved {
  from = aws_iam_role.this
  to   = module.role.aws_iam_role.this
}

moved {
  from = aws_iam_role_policy.this
  to   = module.role.aws_iam_role_policy.this
}
