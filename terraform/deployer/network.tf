# VPC, subnets, endpoints, security groups.

locals {
  network = [
    {
      Sid = "Describe"
      # EC2's Describe actions do not support resources.
      Action = [
        "ec2:DescribeAddresses", "ec2:DescribeAddressesAttribute", "ec2:DescribeAvailabilityZones", "ec2:DescribeInternetGateways",
        "ec2:DescribeNatGateways", "ec2:DescribeNetworkAcls", "ec2:DescribeNetworkInterfaces", "ec2:DescribePrefixLists",
        "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
        "ec2:DescribeVpcEndpoints", "ec2:DescribeVpcs",
        "ec2:DescribeImages", "ec2:DescribeInstanceCreditSpecifications", "ec2:DescribeInstances", "ec2:DescribeInstanceTypes", "ec2:DescribeTags",
        "ec2:DescribeVolumes",
      ]
      Resource = "*"
    },
    {
      # AWS chooses the ids. The VPC of a created resource need not have the tag, because the VPC may already exist.
      Sid = "Make"
      Action = [
        "ec2:AllocateAddress", "ec2:AssociateRouteTable", "ec2:AttachInternetGateway", "ec2:AuthorizeSecurityGroupEgress",
        "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateInternetGateway", "ec2:CreateNatGateway", "ec2:CreateRoute", "ec2:CreateRouteTable",
        "ec2:CreateSecurityGroup", "ec2:CreateSubnet", "ec2:CreateTags", "ec2:CreateVpc", "ec2:CreateVpcEndpoint", "ec2:DescribeVpcAttribute",
        "ec2:DisassociateRouteTable", "ec2:ModifySubnetAttribute", "ec2:ModifyVpcAttribute", "ec2:ModifyVpcEndpoint",
      ]
      Resource = [for kind in local.network_kinds : "${local.arns["ec2"]}:${kind}/*"]
    },
    {
      # A VPC's default security group has no tag when its rules are removed.
      Sid      = "ChangeRules"
      Action   = ["ec2:ModifySecurityGroupRules", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress", "ec2:UpdateSecurityGroupRuleDescriptionsEgress", "ec2:UpdateSecurityGroupRuleDescriptionsIngress"]
      Resource = [for kind in ["security-group", "security-group-rule"] : "${local.arns["ec2"]}:${kind}/*"]
    },
    {
      # Only resources that the deployment created.
      Sid = "Remove"
      Action = [
        "ec2:DeleteInternetGateway", "ec2:DeleteNatGateway", "ec2:DeleteRoute", "ec2:DeleteRouteTable", "ec2:DeleteSecurityGroup",
        "ec2:DeleteSubnet", "ec2:DeleteTags", "ec2:DeleteVpc", "ec2:DeleteVpcEndpoints", "ec2:DetachInternetGateway", "ec2:ReleaseAddress",
        "ec2:ReplaceRoute", "ec2:ReplaceRouteTableAssociation",
      ]
      Resource  = [for kind in local.network_kinds : "${local.arns["ec2"]}:${kind}/*"]
      Condition = local.own
    },
    {
      # Before the provider deletes a security group, it detaches the remaining network interfaces of functions or
      # brokers. AWS created them without the tag.
      Sid      = "RemoveInterfaces"
      Action   = ["ec2:DeleteNetworkInterface", "ec2:DetachNetworkInterface"]
      Resource = ["${local.arns["ec2"]}:instance/*", "${local.arns["ec2"]}:network-interface/*"]
    },
    {
      # `forecast = { in_vpc = true }`: EMR Serverless tests, with the permissions of the caller, whether it can create
      # a network interface.
      Sid       = "SparkInVpc"
      Action    = "ec2:CreateNetworkInterface"
      Resource  = [for kind in ["network-interface", "security-group", "subnet"] : "${local.arns["ec2"]}:${kind}/*"]
      Condition = { StringEquals = { "aws:CalledViaLast" = "ops.emr-serverless.amazonaws.com" } }
    },
  ]

  # The NAT instance, the default egress of profile dev. It has no role.
  nat_instance = [
    {
      Sid      = "FindNatImage"
      Action   = ["ssm:GetParameter"]
      Resource = "arn:${var.partition}:ssm:${var.region}::parameter/aws/service/ami-amazon-linux-latest/*"
    },
    {
      # Amazon owns the image, and AWS chooses the ids of instance and volume.
      Sid    = "StartNat"
      Action = "ec2:RunInstances"
      Resource = concat(
        ["arn:${var.partition}:ec2:${var.region}::image/*"],
        [for kind in ["instance", "network-interface", "security-group", "subnet", "volume"] : "${local.arns["ec2"]}:${kind}/*"],
      )
    },
    {
      Sid      = "MakeNatInterface"
      Action   = ["ec2:AssociateAddress", "ec2:CreateNetworkInterface", "ec2:CreateTags"]
      Resource = [for kind in ["elastic-ip", "instance", "network-interface", "security-group", "subnet", "volume"] : "${local.arns["ec2"]}:${kind}/*"]
    },
    {
      Sid = "ChangeNat"
      Action = [
        "ec2:DescribeInstanceAttribute", "ec2:DisassociateAddress", "ec2:ModifyInstanceAttribute",
        "ec2:ModifyInstanceCreditSpecification", "ec2:ModifyInstanceMetadataOptions", "ec2:ModifyNetworkInterfaceAttribute", "ec2:StartInstances",
        "ec2:StopInstances", "ec2:TerminateInstances",
      ]
      Resource  = [for kind in ["elastic-ip", "instance", "network-interface"] : "${local.arns["ec2"]}:${kind}/*"]
      Condition = local.own
    },
  ]

  network_kinds = [
    "elastic-ip", "internet-gateway", "natgateway", "route-table", "security-group", "security-group-rule", "subnet", "vpc", "vpc-endpoint",
  ]
}
