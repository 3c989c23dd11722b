# Optional schedule that stops and starts the host. EventBridge Scheduler calls EC2 directly. modules/schedule is only
# for functions and state machines, because its role names the target of the schedule.

locals {
  hours = var.hours == null ? {} : {
    stop  = { expression = var.hours.stop, action = "stopInstances" }
    start = { expression = var.hours.start, action = "startInstances" }
  }

  hours_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{ Sid = "StopAndStart", Effect = "Allow", Action = ["ec2:StopInstances", "ec2:StartInstances"], Resource = [aws_instance.this.arn] }],
      # EC2 decrypts the disk with a grant from the caller that starts the instance. Without the grant the instance
      # stops again at once, and the schedule reports no error.
      [for arn in var.instance.kms_key_arn[*] : {
        Sid       = "UnlockDisk"
        Effect    = "Allow"
        Action    = ["kms:CreateGrant"]
        Resource  = [arn]
        Condition = { Bool = { "kms:GrantIsForAWSResource" = "true" }, StringEquals = { "kms:ViaService" = "ec2.${local.region}.amazonaws.com" } }
      }],
    )
  })
}

module "hours_role" {
  source = "../scheduler_role"
  count  = var.hours == null ? 0 : 1

  name                     = "${local.name}-hours${var.role.suffix}"
  description              = "Lets EventBridge Scheduler stop and start ${local.name}"
  policy                   = local.hours_policy
  permissions_boundary_arn = var.role.permissions_boundary_arn
}

resource "aws_scheduler_schedule" "hours" {
  # checkov:skip=CKV_AWS_297:the schedule holds no secret, only the id of an instance; AWS encrypts it with a key of its own
  for_each = local.hours

  name                         = "${local.name}-${each.key}"
  description                  = "${title(each.key)}s ${local.name}"
  group_name                   = "default"
  schedule_expression          = each.value.expression
  schedule_expression_timezone = var.hours.time_zone

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:${local.partition}:scheduler:::aws-sdk:ec2:${each.value.action}"
    role_arn = module.hours_role[0].arn
    input    = jsonencode({ InstanceIds = [aws_instance.this.id] })

    retry_policy {
      maximum_retry_attempts       = 2
      maximum_event_age_in_seconds = 3600
    }
  }
}

# For states from before the role became a module: keeps the existing role.

moved {
  from = aws_iam_role.hours[0]
  to   = module.hours_role[0].aws_iam_role.this
}

moved {
  from = aws_iam_role_policy.hours[0]
  to   = module.hours_role[0].aws_iam_role_policy.this
}
