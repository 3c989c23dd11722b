locals {
  inbox_bucket = (
    var.inbox.bucket != null ? { name = var.inbox.bucket, arn = "arn:${data.aws_partition.current.partition}:s3:::${var.inbox.bucket}" } :
    { name = one(module.inbox_bucket[*].name), arn = one(module.inbox_bucket[*].arn) }
  )
}

# The function never deletes the original objects, so they can be replayed. They expire after inbox.expiration_days.
module "inbox_bucket" {
  source = "../bucket"
  count  = var.inbox.bucket == null ? 1 : 0

  name            = "${var.bucket_prefix}-inbox${var.buckets.suffix}"
  versioning      = var.buckets.versioning
  lifecycle_days  = var.buckets.lifecycle_days
  expiration_days = var.inbox.expiration_days
  require_tls     = var.buckets.require_tls
  force_destroy   = var.buckets.force_destroy
  kms_key_arn     = var.kms_key_arn
}

module "inbox_etl" {
  source = "../s3_function"
  count  = var.enabled.inbox_etl ? 1 : 0

  function = merge(local.function["inbox-etl"], {
    description = "Events of the inbox to users and cards in Postgres, the newest of each"

    environment = merge(local.common_environment, local.database_environment["writer"], {
      INBOX_ROOT  = "s3://${local.inbox_bucket.name}/${var.inbox.prefix}"
      PARKED_ROOT = var.parked.root
    })

    policy_statements = concat([
      {
        sid       = "ReadInbox"
        actions   = ["s3:GetObject"]
        resources = ["${local.inbox_bucket.arn}/${var.inbox.prefix}/*"]
      },
      {
        # For the sweep. S3 also checks this permission, without a prefix, when it decides between 404 (missing) and 403
        # (forbidden) for a GET. Hence IfExists.
        sid       = "ListInbox"
        actions   = ["s3:ListBucket"]
        resources = [local.inbox_bucket.arn]
        condition = { StringLikeIfExists = { "s3:prefix" = ["${var.inbox.prefix}/*"] } }
      },
    ], local.parking_statements["inbox-etl"], var.warehouse.writer.statements)
  })

  alarms                   = var.alarms
  bucket                   = local.inbox_bucket
  notifications            = coalesce(var.inbox.notifications, var.inbox.bucket == null)
  dead_letter_queue_exists = contains(var.existing_dead_letter_queues, "inbox-etl")
  filter_prefix            = "${var.inbox.prefix}/"
  maximum_concurrency      = var.sizes.inbox_etl.maximum_concurrency
  # Each object contains one event, so one invocation handles many objects. The window delays the first of them by at
  # most one second.
  batch_size                 = 100
  window_seconds             = 1
  visibility_timeout_seconds = var.quick_retries ? var.sizes.inbox_etl.timeout_seconds : null
  start_after                = local.migrated

  create_event_source_mapping = var.create_event_source_mappings

  sweep = {
    expression = var.inbox.sweep
    enabled    = var.schedules_enabled
  }
}
