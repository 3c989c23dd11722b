# The optional host: an instance, its profile, and its patches.

locals {
  host = [
    {
      Sid      = "DescribeHost"
      Action   = ["ec2:DescribeIamInstanceProfileAssociations", "ec2:DescribeImages", "ec2:DescribeInstanceCreditSpecifications", "ec2:DescribeInstances", "ec2:DescribeInstanceStatus", "ec2:DescribeInstanceTypes", "ec2:DescribeTags", "ec2:DescribeVolumes"]
      Resource = "*" # these actions do not support resources
    },
    {
      # Amazon owns the image, and AWS chooses the ids of instance, interface and volume.
      Sid    = "StartHost"
      Action = "ec2:RunInstances"
      Resource = concat(
        ["arn:${var.partition}:ec2:${var.region}::image/*"],
        [for kind in ["instance", "network-interface", "security-group", "subnet", "volume"] : "${local.arns["ec2"]}:${kind}/*"],
      )
    },
    {
      Sid      = "TagHost"
      Action   = "ec2:CreateTags"
      Resource = [for kind in ["instance", "network-interface", "volume"] : "${local.arns["ec2"]}:${kind}/*"]
    },
    {
      Sid       = "ChangeHost"
      Action    = ["ec2:DescribeInstanceAttribute", "ec2:ModifyInstanceAttribute", "ec2:ModifyInstanceMetadataOptions", "ec2:StartInstances", "ec2:StopInstances", "ec2:TerminateInstances"]
      Resource  = "${local.arns["ec2"]}:instance/*"
      Condition = local.own
    },
    {
      Sid      = "HostProfile"
      Action   = ["iam:AddRoleToInstanceProfile", "iam:CreateInstanceProfile", "iam:DeleteInstanceProfile", "iam:GetInstanceProfile", "iam:RemoveRoleFromInstanceProfile", "iam:TagInstanceProfile", "iam:UntagInstanceProfile"]
      Resource = "arn:${var.partition}:iam::${var.account}:instance-profile/${var.name}-*"
    },
    {
      Sid       = "GiveHostItsRole"
      Action    = "iam:PassRole"
      Resource  = "${local.roles}/${var.name}-*"
      Condition = { StringEquals = { "iam:PassedToService" = "ec2.amazonaws.com" } }
    },
    {
      Sid      = "FindImage"
      Action   = ["ssm:GetParameter", "ssm:GetParameters"]
      Resource = "arn:${var.partition}:ssm:${var.region}::parameter/aws/service/ami-amazon-linux-latest/*"
    },
    {
      # scripts/deploy runs `headwater verify` on the host. A principal with this permission can run any command there
      # as root.
      Sid       = "VerifyOnHost"
      Action    = "ssm:SendCommand"
      Resource  = "${local.arns["ec2"]}:instance/*"
      Condition = local.own
    },
    {
      Sid      = "VerifyByScript"
      Action   = "ssm:SendCommand"
      Resource = "arn:${var.partition}:ssm:${var.region}::document/AWS-RunShellScript"
    },
    {
      Sid      = "ReadVerdict"
      Action   = ["ssm:DescribeInstanceInformation", "ssm:GetCommandInvocation"]
      Resource = "*" # these actions do not support resources
    },
    {
      # AWS chooses the ids of associations.
      Sid      = "Patches"
      Action   = ["ssm:AddTagsToResource", "ssm:CreateAssociation", "ssm:DeleteAssociation", "ssm:DescribeAssociation", "ssm:ListTagsForResource", "ssm:RemoveTagsFromResource", "ssm:UpdateAssociation"]
      Resource = ["${local.arns["ssm"]}:association/*", "${local.arns["ec2"]}:instance/*", "arn:${var.partition}:ssm:${var.region}::document/AWS-RunPatchBaseline"]
    },
  ]
}
