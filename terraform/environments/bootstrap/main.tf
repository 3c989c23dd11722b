# Resources that an account needs before the first deployment: the bucket of Terraform's states, and the roles of
# GitHub's workflow for continuous delivery. An administrator applies this once per region, with scripts/bootstrap.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  # scripts/deploy derives the same name.
  bucket = "headwater-state-${local.account}-${var.region}"
}

resource "aws_s3_bucket" "state" {
  # checkov:skip=CKV2_AWS_62:No process needs to react when a state is written.
  # checkov:skip=CKV_AWS_18:CloudTrail records access if the account logs data events; a log bucket would itself need a log bucket.
  # checkov:skip=CKV_AWS_144:A damaged state can be restored from an old version. If a region is lost, Terraform can import the resources.
  # checkov:skip=CKV_AWS_145:A separate key would cost $1 a month, and every user who plans would need access to it. Encryption is on (AES256).
  bucket = local.bucket

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "state" {
  bucket = aws_s3_bucket.state.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket                  = aws_s3_bucket.state.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    id     = "old-states"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.old_states_days
    }

    expiration {
      expired_object_delete_marker = true
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.state]
}

module "tls_only" {
  source = "../../modules/tls_only"

  bucket_arn = aws_s3_bucket.state.arn
}

resource "aws_s3_bucket_policy" "state" {
  bucket = aws_s3_bucket.state.id
  policy = module.tls_only.policy

  # S3 refuses concurrent changes of one bucket's configuration.
  depends_on = [aws_s3_bucket_public_access_block.state]
}
