# A key of the owner's for everything that a deployment stores. Its policy admits the services that use it in their own name.
# Everybody else (the functions' roles, and whoever applies for Kafka, Postgres, secrets and variables) needs a permission of
# IAM on it: MSK, RDS, Lambda and Secrets Manager act for the one who calls them, and EventBridge Scheduler with its role.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name

  # In a key's policy, "*" as resource is this key and no other.
  statements = [
    {
      # AWS's default. Without all actions for the account, a key can end up with nobody who may change or delete it.
      Sid       = "LetIamOfThisAccountDecide"
      Effect    = "Allow"
      Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
      Action    = ["kms:*"]
      Resource  = "*"
    },
    {
      Sid       = "EncryptLogs"
      Effect    = "Allow"
      Principal = { Service = "logs.${local.region}.amazonaws.com" }
      Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:DescribeKey"]
      Resource  = "*"
      Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:*" } }
    },
    {
      # Without this, alarms change their state and nobody is told: CloudWatch drops what it cannot encrypt for the topic.
      Sid       = "PublishAlarms"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = "*"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:*" }
      }
    },
    {
      # The same for notifications of buckets to queues.
      Sid       = "NotifyQueues"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = "*"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    },
  ]
}

resource "aws_kms_key" "this" {
  description         = "Data of ${var.name}"
  enable_key_rotation = true
  policy              = jsonencode({ Version = "2012-10-17", Statement = local.statements })

  # The longest. What is encrypted (objects, snapshots, backups) cannot be read any more when the key is gone.
  deletion_window_in_days = 30
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}
