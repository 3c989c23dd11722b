# A function fed from a bucket: S3 puts a message into a queue for each object that is created, Lambda polls the queue, and
# what failed too often goes to a dead-letter queue. A scheduled sweep looks at the source itself, for what no message told
# of: objects from before the notification, a message that was given up or went down with the emulator, a source without any.

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  # Without a bucket nothing can put a message into the queue, and an idle mapping polls it for money.
  fed = var.bucket != null

  # Made from its parts, so that the role need not wait for the queue.
  queue_arn = "arn:${data.aws_partition.current.partition}:sqs:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:${var.function.name}"

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
  count  = local.fed ? 1 : 0

  function_name = var.function.name
  what          = "A message"
  kms_key_arn   = var.function.kms_key_arn
  alarms        = var.alarms
}

resource "aws_sqs_queue" "this" {
  count = local.fed ? 1 : 0

  name                       = var.function.name
  visibility_timeout_seconds = local.visibility_timeout_seconds
  # A message keeps its age when it moves to the dead-letter queue, which holds it for 14 days in all.
  message_retention_seconds = 345600 # 4 days
  sqs_managed_sse_enabled   = var.function.kms_key_arn == null ? true : null
  # S3 needs the key, too, to put a message into the queue: the key's own policy says so.
  kms_master_key_id = var.function.kms_key_arn

  redrive_policy = jsonencode({
    deadLetterTargetArn = one(module.failed[*].arn)
    maxReceiveCount     = var.max_receive_count
  })

  # Part of the queue: for a policy of its own the provider waits as long as for the queue, once more.
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

  # SQS refuses a queue whose dead-letter queue is not there yet, and so does the emulator.
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

  # The whole module: the role's policy must be there before Lambda tries the queue with it, and what `start_after` names.
  depends_on = [module.function, aws_sqs_queue.this]
}

# S3 tries the queue when it is told of it: queue and policy first.
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

# No dead-letter queue: a sweep that was given up is made good by the next one.
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
