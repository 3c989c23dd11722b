# One Lambda function: code, role, log group, alarms. The calling module decides how it is invoked.

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  account_arn = "${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"

  log_statements = [{
    sid       = "WriteOwnLog"
    effect    = "Allow"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:log-stream:*"] # Lambda names the streams
    condition = {}
  }]

  interface_actions = ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
  describe_actions  = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups", "ec2:DescribeVpcs"]

  network_statements = [for statement in [
    {
      sid     = "DescribeNetwork"
      effect  = "Allow"
      actions = local.describe_actions
      # EC2's Describe actions do not support resources.
      resources = ["*"]
      condition = {}
    },
    {
      sid     = "ManageOwnInterfaces"
      effect  = "Allow"
      actions = local.interface_actions
      # Lambda creates the network interfaces, and their ids are not known before. AWS's guide uses all resources of the
      # account here.
      resources = ["arn:${data.aws_partition.current.partition}:ec2:${local.account_arn}:*/*"]
      condition = {}
    },
    {
      # The two statements above are for the Lambda service. Code that runs inside the function must not use them.
      sid       = "NoNetworkFromCode"
      effect    = "Deny"
      actions   = concat(local.describe_actions, local.interface_actions)
      resources = ["*"]
      condition = { ArnEquals = { "lambda:SourceFunctionArn" = ["arn:${data.aws_partition.current.partition}:lambda:${local.account_arn}:function:${var.function.name}"] } }
    },
  ] : statement if var.function.network != null]

  # Writes need kms:GenerateDataKey. Reads, and the environment variables, need only kms:Decrypt.
  writes = anytrue([for action in flatten(var.function.policy_statements[*].actions) : contains(["s3:PutObject", "sqs:SendMessage"], action)])
  key_statements = [for arn in var.function.kms_key_arn[*] : {
    sid       = "UseKey"
    effect    = "Allow"
    actions   = local.writes ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"]
    resources = [arn]
    condition = {}
  }]

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for statement in concat(local.log_statements, local.network_statements, local.key_statements, var.function.policy_statements) : merge(
        { Sid = statement.sid, Effect = statement.effect, Action = statement.actions, Resource = statement.resources },
        length(statement.condition) == 0 ? null : { Condition = statement.condition },
      ) if length(statement.resources) > 0 # a lane without topics needs no permission
    ]
  })
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.function.name}"
  retention_in_days = var.function.log_retention_days
  kms_key_id        = var.function.kms_key_arn
}

resource "aws_iam_role" "this" {
  name                 = "${var.function.name}${var.function.role_suffix}"
  description          = "What ${var.function.name} may do"
  permissions_boundary = var.function.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name   = "function"
  role   = aws_iam_role.this.name
  policy = local.policy
}

resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_50:X-Ray is paid for each trace and needs its own exporter in the function; one structured event and the metrics of each invocation are enough to find a slow step
  # checkov:skip=CKV_AWS_116:scheduled_function sets a queue through aws_lambda_function_event_invoke_config; Kafka and SQS mappings have their own, and a caller over HTTP sees the error
  # checkov:skip=CKV_AWS_272:a signing profile belongs to the account, not to this module; source_code_hash ties the function to the zip that was built
  function_name    = var.function.name
  description      = var.function.description
  role             = aws_iam_role.this.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  s3_bucket        = var.function.code.bucket
  s3_key           = var.function.code.key
  source_code_hash = var.function.code.hash
  architectures    = [var.function.architecture]
  memory_size      = var.function.memory_mb
  timeout          = var.function.timeout_seconds
  kms_key_arn      = var.function.kms_key_arn

  reserved_concurrent_executions = var.function.reserved_concurrency

  # A published version is immutable: code and settings.
  publish = var.function.versions

  environment {
    variables = merge({ LOG_LEVEL = var.function.log_level }, var.function.environment)
  }

  dynamic "vpc_config" {
    for_each = var.function.network == null ? [] : [var.function.network]
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  # The role must be able to write logs and make interfaces before the first invocation.
  depends_on = [aws_iam_role_policy.this]

  lifecycle {
    precondition {
      condition     = sum(concat([0], [for name, value in var.function.environment : length(name) + length(nonsensitive(value))])) < 4000
      error_message = "The environment of ${var.function.name} exceeds Lambda's 4 KB."
    }
  }
}

# Steps that must succeed before the new version serves. The alias depends on them but does not change with them: if a
# migration runs again, the alias of an unchanged function does not move.
resource "terraform_data" "ready" {
  input = var.start_after
}

# Mappings, schedules and URLs invoke this alias. If a deployment fails before this point, the old version continues to
# serve.
resource "aws_lambda_alias" "live" {
  count = var.function.versions ? 1 : 0

  name             = "live"
  description      = "The version that serves"
  function_name    = aws_lambda_function.this.function_name
  function_version = coalesce(var.function.held_version, aws_lambda_function.this.version)

  depends_on = [terraform_data.ready]
}
