# Buckets with their objects, the tables that Athena reads, and Terraform's state.

locals {
  storage = concat([
    {
      Sid = "Buckets"
      Action = [
        "s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:GetAccelerateConfiguration", "s3:GetBucketAcl", "s3:GetBucketCORS",
        "s3:GetBucketLocation", "s3:GetBucketLogging", "s3:GetBucketNotification", "s3:GetBucketObjectLockConfiguration",
        "s3:GetBucketOwnershipControls", "s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock", "s3:GetBucketRequestPayment",
        "s3:GetBucketTagging", "s3:GetBucketVersioning", "s3:GetBucketWebsite", "s3:GetEncryptionConfiguration",
        "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "s3:ListBucket", "s3:ListBucketVersions",
        "s3:PutBucketNotification", "s3:PutBucketOwnershipControls", "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock",
        "s3:PutBucketTagging", "s3:PutBucketVersioning", "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration",
      ]
      Resource = "arn:${var.partition}:s3:::${var.name}-*"
    },
    {
      Sid      = "Objects"
      Action   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:GetObjectTagging", "s3:GetObjectVersion", "s3:PutObject", "s3:PutObjectTagging"]
      Resource = "arn:${var.partition}:s3:::${var.name}-*/*"
    },
    {
      Sid    = "Tables"
      Action = ["glue:CreateDatabase", "glue:CreateTable", "glue:DeleteDatabase", "glue:DeleteTable", "glue:GetDatabase", "glue:GetPartitionIndexes", "glue:GetTable", "glue:GetTags", "glue:TagResource", "glue:UntagResource", "glue:UpdateDatabase", "glue:UpdateTable"]
      # A Glue database's name has no hyphens. AWS checks userDefinedFunction when a database is deleted.
      Resource = concat(["${local.arns["glue"]}:catalog"], [for kind in ["database", "table", "userDefinedFunction"] : "${local.arns["glue"]}:${kind}/${replace(var.name, "-", "_")}_*"])
    },
    {
      Sid      = "FindState"
      Action   = "s3:ListBucket"
      Resource = "arn:${var.partition}:s3:::${local.state_bucket}"
    },
    {
      # DeleteObject: for the lock file beside the state.
      Sid      = "KeepState"
      Action   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      Resource = "arn:${var.partition}:s3:::${local.state_bucket}/${var.state_prefix}*"
    },
    {
      # The name of the state bucket may begin with the deployment's prefix. Only environments/bootstrap creates and
      # changes that bucket.
      Sid    = "LeaveStateBucket"
      Effect = "Deny"
      Action = [
        "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:DeleteObjectVersion", "s3:PutBucketOwnershipControls", "s3:PutBucketPolicy",
        "s3:PutBucketPublicAccessBlock", "s3:PutBucketVersioning", "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration",
      ]
      Resource = ["arn:${var.partition}:s3:::${local.state_bucket}", "arn:${var.partition}:s3:::${local.state_bucket}/*"]
    },
  ])

  state_bucket = coalesce(var.state_bucket, "headwater-state-${var.account}-${var.region}")
}
