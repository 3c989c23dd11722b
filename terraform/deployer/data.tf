# Kafka, Postgres and secrets.

locals {
  cluster    = "${var.name}-*/*" # MSK appends an id to the name
  rds_kinds  = ["db", "pg", "snapshot", "subgrp"]
  secret_arn = "${local.arns["secretsmanager"]}:secret"

  data = [
    {
      Sid = "Kafka"
      Action = [
        "kafka:CreateCluster", "kafka:CreateConfiguration", "kafka:DeleteCluster", "kafka:DeleteConfiguration", "kafka:DescribeCluster",
        "kafka:DescribeClusterOperation", "kafka:DescribeClusterV2", "kafka:DescribeConfiguration", "kafka:DescribeConfigurationRevision",
        "kafka:ListNodes", "kafka:ListTagsForResource", "kafka:TagResource", "kafka:UntagResource", "kafka:UpdateBrokerCount", "kafka:UpdateBrokerStorage",
        "kafka:UpdateBrokerType", "kafka:UpdateClusterConfiguration", "kafka:UpdateClusterKafkaVersion", "kafka:UpdateConfiguration",
        "kafka:UpdateMonitoring", "kafka:UpdateSecurity",
      ]
      Resource = [for kind in ["cluster", "cluster-operation", "configuration"] : "${local.arns["kafka"]}:${kind}/${local.cluster}"]
    },
    {
      # AWS's reference lists resources for the first two actions, but users report that AWS checks them without one.
      Sid      = "KafkaWithoutResource"
      Action   = ["kafka:CreateCluster", "kafka:CreateConfiguration", "kafka:GetBootstrapBrokers"]
      Resource = "*"
    },
    {
      # Cloud Control creates topics with the permissions of its caller.
      Sid = "Topics"
      Action = [
        "kafka-cluster:AlterTopic", "kafka-cluster:AlterTopicDynamicConfiguration", "kafka-cluster:Connect", "kafka-cluster:CreateTopic",
        "kafka-cluster:DeleteTopic", "kafka-cluster:DescribeTopic", "kafka-cluster:DescribeTopicDynamicConfiguration",
        "kafka:CreateTopic", "kafka:DeleteTopic", "kafka:DescribeTopic", "kafka:UpdateTopic",
      ]
      Resource = [for kind in ["cluster", "topic"] : "${local.arns["kafka"]}:${kind}/${local.cluster}"]
    },
    {
      # AWS chooses the names of targets.
      Sid      = "KafkaVolumes"
      Action   = ["application-autoscaling:DeleteScalingPolicy", "application-autoscaling:DeregisterScalableTarget", "application-autoscaling:ListTagsForResource", "application-autoscaling:PutScalingPolicy", "application-autoscaling:RegisterScalableTarget", "application-autoscaling:TagResource", "application-autoscaling:UntagResource"]
      Resource = "${local.arns["application-autoscaling"]}:scalable-target/*"
    },
    {
      Sid      = "DescribeKafkaVolumes"
      Action   = ["application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingPolicies"]
      Resource = "*" # these actions do not support resources
    },
    {
      Sid = "Postgres"
      Action = [
        "rds:AddTagsToResource", "rds:CreateDBInstance", "rds:CreateDBParameterGroup", "rds:CreateDBSnapshot", "rds:CreateDBSubnetGroup",
        "rds:DeleteDBInstance", "rds:DeleteDBParameterGroup", "rds:DeleteDBSubnetGroup", "rds:ListTagsForResource", "rds:ModifyDBInstance",
        "rds:ModifyDBParameterGroup", "rds:ModifyDBSubnetGroup", "rds:RebootDBInstance", "rds:RemoveTagsFromResource", "rds:ResetDBParameterGroup",
      ]
      Resource = [for kind in local.rds_kinds : "${local.arns["rds"]}:${kind}:${var.name}-*"]
    },
    {
      # The provider looks up an instance with a filter, for which AWS checks the permission on all instances.
      Sid      = "FindPostgres"
      Action   = ["rds:DescribeDBInstances", "rds:DescribeDBParameterGroups", "rds:DescribeDBParameters", "rds:DescribeDBSnapshots", "rds:DescribeDBSubnetGroups"]
      Resource = [for kind in local.rds_kinds : "${local.arns["rds"]}:${kind}:*"]
    },
    {
      # RDS creates the administrator's secret with the permissions of the caller that creates the instance.
      Sid = "Secrets"
      Action = [
        "secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy",
        "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:RemoveRegionsFromReplication",
        "secretsmanager:ReplicateSecretToRegions", "secretsmanager:RestoreSecret", "secretsmanager:TagResource", "secretsmanager:UntagResource",
        "secretsmanager:UpdateSecret",
      ]
      Resource = "${local.secret_arn}:${var.name}-*"
    },
    {
      Sid      = "AdministratorSecret"
      Action   = ["secretsmanager:CreateSecret", "secretsmanager:DescribeSecret", "secretsmanager:TagResource"]
      Resource = "${local.secret_arn}:rds!db-*"
    },
    {
      Sid      = "MakePasswords"
      Action   = "secretsmanager:GetRandomPassword"
      Resource = "*" # this action does not support resources
    },
  ]
}
