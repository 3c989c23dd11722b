# A function that reads the objects of a bucket. S3 sends a message to a queue for each created object, Lambda polls the
# queue, and messages that failed too often go to a dead-letter queue. A scheduled sweep lists the source and picks up
# objects without a message: objects from before the notification was configured, objects whose message was given up or
# lost, and objects of a source without notifications.

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  # Without a bucket no service sends messages to the queue, and polling an idle queue is billed.
  fed = var.bucket != null

  # The ARN is built from its parts, so the role does not wait for the queue.
  queue_arn = "arn:${data.aws_partition.current.partition}:sqs:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:${var.function.name}"

  dead_letter = one(concat(module.failed, data.aws_sqs_queue.failed))

  visibility_timeout_seconds = coalesce(var.visibility_timeout_seconds, 6 * var.function.timeout_seconds)

  queue_statements = [for statement in [{
    sid       = "ReadQueue"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [local.queue_arn]
  }] : statement if local.fed]
}

module "function" {
  source = "../function"

  function      = merge(var.function, { policy_statements = concat(var.function.policy_statements, local.queue_statements) })
  alarms        = var.alarms
  parks_records = true
  start_after   = var.start_after
}

module "failed" {
  source = "../dead_letter_queue"
  count  = local.fed && !var.dead_letter_queue_exists ? 1 : 0

  function_name = var.function.name
  what          = "A message"
  kms_key_arn   = var.function.kms_key_arn
  alarms        = var.alarms
}

data "aws_sqs_queue" "failed" {
  count = local.fed && var.dead_letter_queue_exists ? 1 : 0

  name = "${var.function.name}-failed"
}

resource "aws_sqs_queue" "this" {
  count = local.fed ? 1 : 0

  name                       = var.function.name
  visibility_timeout_seconds = local.visibility_timeout_seconds
  # A message keeps its age when it moves to the dead-letter queue, which deletes it 14 days after it was first sent.
  message_retention_seconds = 345600 # 4 days
  sqs_managed_sse_enabled   = var.function.kms_key_arn == null ? true : null
  # S3 also needs the key, to send messages to the queue. The key's own policy allows it.
  kms_master_key_id = var.function.kms_key_arn

  redrive_policy = jsonencode({
    deadLetterTargetArn = local.dead_letter.arn
    maxReceiveCount     = var.max_receive_count
  })

  # The policy is part of the queue. For a separate policy resource, the provider would wait as long again as for the
  # queue.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "ObjectsOfTheBucket"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = ["sqs:SendMessage"]
      Resource  = [local.queue_arn]
      Condition = {
        ArnEquals    = { "aws:SourceArn" = var.bucket.arn }
        StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
      }
    }]
  })

  # SQS and the emulator refuse a queue whose dead-letter queue does not exist yet.
  depends_on = [module.failed]
}

resource "aws_lambda_event_source_mapping" "this" {
  count = local.fed && var.create_event_source_mapping ? 1 : 0

  function_name    = module.function.live_arn
  event_source_arn = local.queue_arn

  batch_size                         = var.batch_size
  maximum_batching_window_in_seconds = var.window_seconds
  function_response_types            = ["ReportBatchItemFailures"]

  dynamic "scaling_config" {
    for_each = var.maximum_concurrency[*]
    content {
      maximum_concurrency = scaling_config.value
    }
  }

  # The whole module: Lambda tests the role's policy when it creates the mapping, and the steps in `start_after` must
  # have finished.
  depends_on = [module.function, aws_sqs_queue.this]
}

# S3 tests the queue when the notification is configured, so the queue and its policy must exist first.
resource "aws_s3_bucket_notification" "this" {
  count = local.fed && var.notifications ? 1 : 0

  bucket = var.bucket.name

  queue {
    queue_arn     = local.queue_arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = var.filter_prefix
  }

  depends_on = [aws_sqs_queue.this]
}

# No dead-letter queue: the next sweep makes up for a failed one.
module "sweep" {
  source = "../schedule"

  name       = var.function.name
  target_arn = module.function.live_arn
  role       = { suffix = var.function.role_suffix, permissions_boundary_arn = var.function.permissions_boundary_arn }

  schedule = {
    expression = var.sweep.expression
    enabled    = var.sweep.enabled
    input      = jsonencode({ sweep = true })
  }
}
