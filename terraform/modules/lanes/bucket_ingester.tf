locals {
  # Null if the source is a web address: it needs no permission and sends no notifications.
  media_bucket = (
    var.media.base_url != null ? null :
    var.media.bucket != null ? { name = var.media.bucket, arn = "arn:${data.aws_partition.current.partition}:s3:::${var.media.bucket}" } :
    { name = one(module.media_bucket[*].name), arn = one(module.media_bucket[*].arn) }
  )
}

module "media_bucket" {
  source = "../bucket"
  count  = var.media.bucket == null && var.media.base_url == null ? 1 : 0

  name           = "${var.bucket_prefix}-media${var.buckets.suffix}"
  versioning     = var.buckets.versioning
  lifecycle_days = var.buckets.lifecycle_days
  require_tls    = var.buckets.require_tls
  force_destroy  = var.buckets.force_destroy
  kms_key_arn    = var.kms_key_arn
}

module "bucket_ingester" {
  source = "../s3_function"
  count  = var.enabled.bucket_ingester ? 1 : 0

  function = merge(local.function["bucket-ingester"], {
    description = "Files of the media bucket to songs, movies and apps in Postgres, each version once"

    environment = merge(local.common_environment, local.database_environment["writer"], {
      MEDIA_SOURCE = local.media_bucket == null ? var.media.base_url : "s3://${local.media_bucket.name}"
      MEDIA_LIST   = var.media.list
      PARKED_ROOT  = var.parked.root
    })

    policy_statements = concat([
      {
        sid       = "ReadMedia"
        actions   = ["s3:GetObject"]
        resources = [for arn in local.media_bucket[*].arn : "${arn}/*"]
      },
      {
        # For the sweep. Without this permission, S3 also answers 403 instead of 404 for a file that is on the list but
        # does not exist.
        sid       = "ListMedia"
        actions   = ["s3:ListBucket"]
        resources = local.media_bucket[*].arn
      },
    ], local.parking_statements["bucket-ingester"], var.warehouse.writer.statements)
  })

  alarms                   = var.alarms
  bucket                   = local.media_bucket
  notifications            = coalesce(var.media.notifications, var.media.bucket == null)
  dead_letter_queue_exists = contains(var.existing_dead_letter_queues, "bucket-ingester")
  maximum_concurrency      = var.sizes.bucket_ingester.maximum_concurrency
  # One file per invocation, because a file may need all of the time and most of the memory. If it fails, no other file
  # is retried with it.
  batch_size                 = 1
  visibility_timeout_seconds = var.quick_retries ? var.sizes.bucket_ingester.timeout_seconds : null
  start_after                = local.migrated

  create_event_source_mapping = var.create_event_source_mappings

  sweep = {
    expression = var.media.sweep
    enabled    = var.schedules_enabled
  }
}
