# One Lambda function: code, role, log group, alarms. How it is invoked is the caller's matter.

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  account_arn = "${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"

  log_statements = [{
    sid       = "WriteOwnLog"
    effect    = "Allow"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:log-stream:*"] # streams are named by Lambda
    condition = {}
  }]

  interface_actions = ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
  describe_actions  = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups", "ec2:DescribeVpcs"]

  network_statements = [for statement in [
    {
      sid     = "DescribeNetwork"
      effect  = "Allow"
      actions = local.describe_actions
      # EC2's Describe actions know no resources: AWS accepts nothing finer here.
      resources = ["*"]
      condition = {}
    },
    {
      sid     = "ManageOwnInterfaces"
      effect  = "Allow"
      actions = local.interface_actions
      # Lambda makes and names the interfaces; its guide asks for all resources of the account here.
      resources = ["arn:${data.aws_partition.current.partition}:ec2:${local.account_arn}:*/*"]
      condition = {}
    },
    {
      # The two statements above are for the Lambda service. Code that runs inside the function must not use them.
      sid       = "NoNetworkFromCode"
      effect    = "Deny"
      actions   = concat(local.describe_actions, local.interface_actions)
      resources = ["*"]
      condition = { ArnEquals = { "lambda:SourceFunctionArn" = ["arn:${data.aws_partition.current.partition}:lambda:${local.account_arn}:function:${var.name}"] } }
    },
  ] : statement if var.network != null]

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for statement in concat(local.log_statements, local.network_statements, var.policy_statements) : merge(
        { Sid = statement.sid, Effect = statement.effect, Action = statement.actions, Resource = statement.resources },
        length(statement.condition) == 0 ? null : { Condition = statement.condition },
      ) if length(statement.resources) > 0 # a lane without topics has nothing to be permitted
    ]
  })
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_iam_role" "this" {
  name        = var.name
  description = "What ${var.name} may do"

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
  function_name    = var.name
  description      = var.description
  role             = aws_iam_role.this.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  s3_bucket        = var.code.bucket
  s3_key           = var.code.key
  source_code_hash = var.code.hash
  architectures    = [var.architecture]
  memory_size      = var.memory_mb
  timeout          = var.timeout_seconds

  reserved_concurrent_executions = var.reserved_concurrency

  # A version is the code with its settings, frozen.
  publish = var.versions

  environment {
    variables = merge({ LOG_LEVEL = var.log_level }, var.environment)
  }

  dynamic "vpc_config" {
    for_each = var.network == null ? [] : [var.network]
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  # The role must be able to write logs and make interfaces before the first invocation.
  depends_on = [aws_iam_role_policy.this]

  lifecycle {
    precondition {
      condition     = sum(concat([0], [for name, value in var.environment : length(name) + length(nonsensitive(value))])) < 4000
      error_message = "The environment of ${var.name} exceeds Lambda's 4 KB."
    }
  }
}

# What must have succeeded before the new version serves. The alias depends on it and is not changed by it: a migration that
# runs again moves no alias of a function that stayed the same.
resource "terraform_data" "ready" {
  input = var.start_after
}

# Whatever invokes the function names this alias. A deployment that fails before this point leaves the old version serving.
resource "aws_lambda_alias" "live" {
  count = var.versions ? 1 : 0

  name             = "live"
  description      = "The version that serves"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version

  depends_on = [terraform_data.ready]
}
