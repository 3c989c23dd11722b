# Roles, the services that they may be passed to, keys and quotas.

locals {
  # With permissions_boundary_arn, roles without that boundary can be neither created nor changed.
  bounded = var.permissions_boundary_arn == null ? {} : { Condition = { StringEquals = { "iam:PermissionsBoundary" = var.permissions_boundary_arn } } }

  service_linked_roles = {
    "kafka.amazonaws.com"                         = "AWSServiceRoleForKafka"
    "kafka.application-autoscaling.amazonaws.com" = "AWSServiceRoleForApplicationAutoScaling_KafkaCluster"
    "ops.emr-serverless.amazonaws.com"            = "AWSServiceRoleForAmazonEMRServerless"
    "rds.amazonaws.com"                           = "AWSServiceRoleForRDS"
  }

  iam = [
    merge({
      Sid      = "GrantToRoles"
      Action   = ["iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
      Resource = "${local.roles}/${var.name}-*"
    }, local.bounded),
    {
      Sid = "Roles"
      Action = concat(
        ["iam:DeleteRole", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription"],
        var.permissions_boundary_arn == null ? ["iam:DeleteRolePermissionsBoundary"] : [],
      )
      Resource = "${local.roles}/${var.name}-*"
    },
    {
      Sid       = "GiveRoles"
      Action    = "iam:PassRole"
      Resource  = "${local.roles}/${var.name}-*"
      Condition = { StringEquals = { "iam:PassedToService" = ["lambda.amazonaws.com", "scheduler.amazonaws.com", "states.amazonaws.com"] } }
    },
    {
      # AWS creates these roles with the account's first cluster, database or application.
      Sid      = "ServiceLinkedRoles"
      Action   = "iam:CreateServiceLinkedRole"
      Resource = [for service, role in local.service_linked_roles : "${local.roles}/aws-service-role/${service}/${role}"]
    },
    {
      # MSK and RDS encrypt with AWS's key, which has no tag, or with the deployment's own key.
      Sid       = "UseKeys"
      Action    = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
      Resource  = "${local.arns["kms"]}:key/*"
      Condition = { StringLike = { "kms:ViaService" = [for service in ["kafka", "lambda", "rds", "s3", "scheduler", "secretsmanager", "sns", "sqs"] : "${service}.${var.region}.amazonaws.com*"] } }
    },
    {
      Sid       = "Key"
      Action    = ["kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:EnableKeyRotation", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription"]
      Resource  = "${local.arns["kms"]}:key/*"
      Condition = local.own
    },
    {
      Sid      = "KeyName"
      Action   = ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"]
      Resource = "${local.arns["kms"]}:alias/${var.name}-*"
    },
    {
      # CreateKey and ListAliases do not support resources. The condition requires the tag, because a key without it
      # could not be deleted again.
      Sid       = "MakeKey"
      Action    = ["kms:CreateKey", "kms:TagResource"]
      Resource  = "*"
      Condition = { StringEquals = { "aws:RequestTag/project" = "headwater" } }
    },
    {
      Sid      = "FindKey"
      Action   = "kms:ListAliases"
      Resource = "*"
    },
    {
      # The quota of concurrent executions.
      Sid      = "ReadQuota"
      Action   = "servicequotas:GetServiceQuota"
      Resource = "${local.arns["servicequotas"]}:lambda/*"
    },
    {
      Sid      = "ReadDefaultQuota"
      Action   = ["lambda:GetAccountSettings", "servicequotas:GetAWSDefaultServiceQuota"]
      Resource = "*" # neither action supports resources
    },
  ]
}
