# Bucket for the files that a deployment uploads: the functions' code, and the pipelines document if it is too large for
# the environment. It is a separate bucket, because write access to it is control over the code. No function may write
# there.

module "deployment" {
  source = "../bucket"

  name           = "${var.bucket_prefix}-deploy${var.buckets.suffix}"
  versioning     = var.buckets.versioning
  lifecycle_days = var.buckets.lifecycle_days
  # Old versions of pipelines documents are kept: a function's version reads its own version of the document.
  lifecycle_prefix = "code/"
  require_tls      = var.buckets.require_tls
  force_destroy    = var.buckets.force_destroy
  kms_key_arn      = var.kms_key_arn
}

locals {
  artifacts = { for function in keys(local.names) : function => "${var.artifacts_dir}/${function}.zip" }

  # A plan (and a test) works without built zips, and then has no hash. An apply fails and names the missing file.
  uploads = {
    for function, artifact in local.artifacts : function => {
      key  = "code/${function}-${fileexists(artifact) ? substr(filesha256(artifact), 0, 16) : "unbuilt"}.zip"
      hash = fileexists(artifact) ? filebase64sha256(artifact) : null
    }
  }

  code = { for function, object in aws_s3_object.code : function => { bucket = object.bucket, key = object.key, hash = local.uploads[function].hash } }
}

# Code is uploaded to S3, because the provider creates functions with inline zips one after another.
resource "aws_s3_object" "code" {
  for_each = local.uploads

  bucket = module.deployment.versioned_name
  key    = each.value.key
  source = local.artifacts[each.key]

  lifecycle {
    create_before_destroy = true
  }
}
