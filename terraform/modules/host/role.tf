# The role of the host, with the permissions of the SSM agent. AWS's managed policy for the agent
# (AmazonSSMManagedInstanceCore) allows reading every parameter of the account and limits no statement to resources.

locals {
  instances   = "arn:${local.partition}:ec2:${local.account_arn}:instance/*"
  association = "arn:${local.partition}:ssm:${local.account_arn}:association/${aws_ssm_association.patches.association_id}"
  region      = data.aws_region.current.name

  agent_statements = [
    {
      # The id of the instance is unknown before it exists, and the agent registers at its first start.
      sid       = "RegisterWithSsm"
      actions   = ["ssm:UpdateInstanceInformation", "ssm:ListInstanceAssociations", "ssm:PutComplianceItems"]
      resources = [local.instances]
      condition = {}
    },
    {
      # Session Manager's channels, patch state and inventory: these actions do not support resources.
      sid = "OpenSessionsAndReportPatches"
      actions = [
        "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
        "ssm:GetDeployablePatchSnapshotForInstance", "ssm:PutInventory",
      ]
      resources = ["*"]
      condition = {}
    },
    {
      # The ARN of a document that AWS owns has no account.
      sid     = "RunPatches"
      actions = ["ssm:DescribeAssociation", "ssm:UpdateInstanceAssociationStatus", "ssm:GetDocument", "ssm:DescribeDocument"]
      resources = [
        local.association, local.instances,
        "arn:${local.partition}:ssm:${local.region}::document/AWS-RunPatchBaseline", "arn:${local.partition}:ssm:${local.account_arn}:document/AWS-RunPatchBaseline",
      ]
      condition = {}
    },
    {
      # Buckets of AWS in the region. They are public, but requests through a gateway endpoint need this permission. The
      # name of the bucket with the patching code ends with characters that AWS chooses in each region.
      sid     = "ReadPatches"
      actions = ["s3:GetObject"]
      resources = [
        "arn:${local.partition}:s3:::aws-ssm-${local.region}/*",
        "arn:${local.partition}:s3:::amazon-ssm-${local.region}/*",
        "arn:${local.partition}:s3:::aws-patch-manager-${local.region}-*/*",
        "arn:${local.partition}:s3:::patch-baseline-snapshot-${local.region}/*",
        "arn:${local.partition}:s3:::patch-baseline-snapshot-${local.region}-*/*",
      ]
      condition = {}
    },
  ]

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for statement in concat(local.agent_statements, local.operator_statements) : merge(
        { Sid = statement.sid, Effect = "Allow", Action = statement.actions, Resource = statement.resources },
        length(statement.condition) == 0 ? null : { Condition = statement.condition },
      ) if length(statement.resources) > 0
    ]
  })
}

resource "aws_iam_role" "this" {
  name                 = "${local.name}${var.role.suffix}"
  description          = "What ${local.name} may do"
  permissions_boundary = var.role.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name   = "host"
  role   = aws_iam_role.this.name
  policy = local.policy

  lifecycle {
    precondition {
      condition     = length(nonsensitive(local.policy)) < 10240
      error_message = "The policy of the host exceeds IAM's limit of 10,240 characters for a role, because this stack has too many topics, groups and functions. Turn the host off: host = { enabled = false }."
    }
  }
}

resource "aws_iam_instance_profile" "this" {
  name = aws_iam_role.this.name
  role = aws_iam_role.this.name
}
