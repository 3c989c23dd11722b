# A private, encrypted bucket. The bucket owner owns every object, and public access is blocked.

resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_18:server access logs are the account's choice (CloudTrail data events log the same requests); they would need one more bucket for each
  # checkov:skip=CKV_AWS_144:a copy in a second region doubles the storage bill, and a replicated Delta table is consistent only if its log arrives after its files
  # checkov:skip=CKV2_AWS_62:only the buckets that a lane reads need notifications; module s3_function configures them
  # checkov:skip=CKV_AWS_19:false positive: aws_s3_bucket_server_side_encryption_configuration below encrypts every bucket; checkov does not connect the two under for_each
  # checkov:skip=CKV_AWS_145:false positive where a KMS key is given (see CKV_AWS_19); without one, S3's own key costs nothing per request
  bucket        = var.name
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }

    # With a bucket key, S3 calls KMS once for many objects. Without it, S3 calls KMS for every object that is read or
    # written. These calls are billed and count towards a quota.
    bucket_key_enabled = var.kms_key_arn == null ? null : true
  }
}

resource "aws_s3_bucket_versioning" "this" {
  count = var.versioning ? 1 : 0

  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  # checkov:skip=CKV_AWS_300:false positive: the rule abandoned-uploads below does it; checkov loses it behind the dynamic rules
  count = var.lifecycle_days > 0 || var.expiration_days > 0 ? 1 : 0

  bucket = aws_s3_bucket.this.id

  dynamic "rule" {
    for_each = var.lifecycle_days > 0 ? [var.lifecycle_days] : []
    content {
      id     = "old-versions"
      status = "Enabled"
      filter {
        prefix = var.lifecycle_prefix
      }

      noncurrent_version_expiration {
        noncurrent_days = rule.value
      }

      expiration {
        expired_object_delete_marker = true
      }
    }
  }

  dynamic "rule" {
    for_each = var.expiration_days > 0 ? [var.expiration_days] : []
    content {
      id     = "old-objects"
      status = "Enabled"
      filter {}

      expiration {
        days = rule.value
      }
    }
  }

  rule {
    id     = "abandoned-uploads"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

module "tls_only" {
  source = "../tls_only"

  bucket_arn = aws_s3_bucket.this.arn
}

resource "aws_s3_bucket_policy" "tls" {
  count = var.require_tls ? 1 : 0

  bucket = aws_s3_bucket.this.id
  policy = module.tls_only.policy

  # S3 refuses concurrent changes of one bucket's configuration.
  depends_on = [aws_s3_bucket_public_access_block.this]
}
