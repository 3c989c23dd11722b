# A customer-managed KMS key for all data of a deployment. Its policy admits the services that use it under their own
# identity. All other principals (the functions' roles, and the user who applies for Kafka, Postgres, secrets and
# variables) need an IAM permission on it. MSK, RDS, Lambda and Secrets Manager act for their caller, and EventBridge
# Scheduler uses its role.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name

  # In a key's policy, the resource "*" means this key only.
  statements = [
    {
      # AWS's default statement. Without it, a key can become unmanageable: no principal may change or delete it.
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
      # Without this statement, alarms notify nobody: CloudWatch drops messages that it cannot encrypt for the topic,
      # without an error.
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
      # The same for the notifications that S3 sends to queues.
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

  # The maximum. Objects, snapshots and backups cannot be decrypted after the key is deleted.
  deletion_window_in_days = 30
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}
