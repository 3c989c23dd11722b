# The role of the host, and what the SSM agent on it needs. The AWS managed policy for it (AmazonSSMManagedInstanceCore) may read
# every parameter of the account, and names no resource at all.

locals {
  instances   = "arn:${local.partition}:ec2:${local.account_arn}:instance/*"
  association = "arn:${local.partition}:ssm:${local.account_arn}:association/${aws_ssm_association.patches.association_id}"
  region      = data.aws_region.current.name

  agent_statements = [
    {
      # The id is not known before the instance is there, and the agent registers at its first start.
      sid       = "RegisterWithSsm"
      actions   = ["ssm:UpdateInstanceInformation", "ssm:ListInstanceAssociations", "ssm:PutComplianceItems"]
      resources = [local.instances]
      condition = {}
    },
    {
      # Session Manager's channels, the state of patches and inventory: AWS knows no resources for these actions.
      sid = "OpenSessionsAndReportPatches"
      actions = [
        "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
        "ssm:GetDeployablePatchSnapshotForInstance", "ssm:PutInventory",
      ]
      resources = ["*"]
      condition = {}
    },
    {
      # A document of AWS's own has no account in its ARN.
      sid     = "RunPatches"
      actions = ["ssm:DescribeAssociation", "ssm:UpdateInstanceAssociationStatus", "ssm:GetDocument", "ssm:DescribeDocument"]
      resources = [
        local.association, local.instances,
        "arn:${local.partition}:ssm:${local.region}::document/AWS-RunPatchBaseline", "arn:${local.partition}:ssm:${local.account_arn}:document/AWS-RunPatchBaseline",
      ]
      condition = {}
    },
    {
      # AWS's buckets of the region. They are public, but through a gateway endpoint AWS asks for the permission. The bucket of the
      # patching code ends with characters of AWS's choice in each region.
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
      error_message = "The policy of the host exceeds the 10,240 characters that IAM takes for a role: the topics, groups and functions of this stack are too many to be named. Leave the host out: host = { enabled = false }."
    }
  }
}

resource "aws_iam_instance_profile" "this" {
  name = aws_iam_role.this.name
  role = aws_iam_role.this.name
}
