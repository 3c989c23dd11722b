# What a deployment uploads: the functions' code, and the pipelines document when it outgrows the environment. A bucket of
# its own, because whoever may write here decides what runs; no function may.

module "deployment" {
  source = "../bucket"

  name           = "${var.bucket_prefix}-deployment${var.buckets.suffix}"
  versioning     = var.buckets.versioning
  lifecycle_days = var.buckets.lifecycle_days
  # Not the pipelines documents: a function's version may need its one for as long as it serves.
  lifecycle_prefix = "code/"
  require_tls      = var.buckets.require_tls
  force_destroy    = var.buckets.force_destroy
}

locals {
  artifacts = { for function in keys(local.names) : function => "${var.artifacts_dir}/${function}.zip" }

  # What is not built yet still plans (and is tested), without a hash; an apply then fails with the file's name.
  uploads = {
    for function, artifact in local.artifacts : function => {
      key  = "code/${function}-${fileexists(artifact) ? substr(filesha256(artifact), 0, 16) : "unbuilt"}.zip"
      hash = fileexists(artifact) ? filebase64sha256(artifact) : null
    }
  }

  code = { for function, object in aws_s3_object.code : function => { bucket = object.bucket, key = object.key, hash = local.uploads[function].hash } }
}

# Through S3 and not as part of the request: the provider makes functions from files one after the other.
resource "aws_s3_object" "code" {
  for_each = local.uploads

  bucket = module.deployment.versioned_name
  key    = each.value.key
  source = local.artifacts[each.key]

  lifecycle {
    create_before_destroy = true
  }
}
