# The state machine and its role. Its definition is in definition.tf.
#
# No log group: Step Functions can write to one only with logs:CreateLogDelivery and seven more actions on all resources
# of the account, because these actions do not support resources. The execution history is kept for 90 days without a
# log group, and alarms report failures.

locals {
  # The ARN is built from its parts: the definition and the role contain it before the state machine exists.
  state_machine_arn = "arn:${local.partition}:states:${local.account_arn}:stateMachine:${var.name}"

  spark_resource = local.on_emr ? "arn:${local.partition}:states:::emr-serverless:startJobRun.sync" : one(aws_sfn_activity.spark[*].id)

  # For .sync, Step Functions receives the job's events through a managed rule with this name.
  events_rule_arn = "arn:${local.partition}:events:${local.account_arn}:rule/StepFunctionsGetEventsForEMRServerlessJobRule"

  emr_statements = flatten([for arn in aws_emrserverless_application.this[*].arn : [
    { Sid = "StartJob", Effect = "Allow", Action = ["emr-serverless:StartJobRun"], Resource = [arn] },
    # CancelJobRun: stopping the execution also stops its job.
    { Sid = "FollowJob", Effect = "Allow", Action = ["emr-serverless:GetJobRun", "emr-serverless:CancelJobRun"], Resource = ["${arn}/jobruns/*"] },
    { Sid = "PassJobRole", Effect = "Allow", Action = ["iam:PassRole"], Resource = [aws_iam_role.job.arn], Condition = { StringEquals = { "iam:PassedToService" = "emr-serverless.amazonaws.com" } } },
    { Sid = "FollowEvents", Effect = "Allow", Action = ["events:PutTargets", "events:PutRule", "events:DescribeRule"], Resource = [local.events_rule_arn] },
  ]])

  state_machine_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      { Sid = "Fetch", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = [module.fetcher.live_arn] },
      { Sid = "SeeOthers", Effect = "Allow", Action = ["states:ListExecutions"], Resource = [local.state_machine_arn] },
    ], local.emr_statements)
  })
}

resource "aws_iam_role" "state_machine" {
  name                 = "${var.name}${var.function.role_suffix}-state-machine"
  description          = "What the state machine ${var.name} may do"
  permissions_boundary = var.function.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "states.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
        ArnLike      = { "aws:SourceArn" = local.state_machine_arn }
      }
    }]
  })
}

resource "aws_iam_role_policy" "state_machine" {
  name   = "state-machine"
  role   = aws_iam_role.state_machine.name
  policy = local.state_machine_policy
}

resource "aws_sfn_activity" "spark" {
  count = local.on_emr ? 0 : 1

  name = "${var.name}-spark"
}

resource "aws_sfn_state_machine" "this" {
  # checkov:skip=CKV_AWS_284:the functions write no X-Ray segments; the execution history shows the duration of each step
  # checkov:skip=CKV_AWS_285:see the top of this file: a log group would need permissions on all resources of the account
  name       = var.name
  type       = "STANDARD"
  role_arn   = aws_iam_role.state_machine.arn
  definition = jsonencode(local.definition)

  # Step Functions refuses a .sync step if the role cannot yet manage the rule for events. The first run needs the job's
  # code and the table.
  depends_on = [aws_iam_role_policy.state_machine, aws_iam_role_policy.job, aws_s3_object.job, aws_s3_object.table]
}
