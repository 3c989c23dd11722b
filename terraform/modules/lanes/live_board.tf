# live-board reads all parts of the stack. Its role has no action that writes.

locals {
  # Besides the pipelines document, its environment names every function and queue. So less room is left for the
  # document than in other functions.
  board_spilled = local.document_bytes > min(var.inline_limit_bytes, 1500)

  board_tables = distinct(concat(values(var.lake.tables), values(var.lake.job_tables)))

  board_log_arns   = "arn:${data.aws_partition.current.partition}:logs:${local.account_arn}:log-group"
  board_queue_arns = "arn:${data.aws_partition.current.partition}:sqs:${local.account_arn}"

  # URLs in the form that SQS uses, built from their parts, so that live-board does not wait for the queues.
  board_queue_urls = "https://sqs.${data.aws_region.current.name}.${data.aws_partition.current.dns_suffix}/${data.aws_caller_identity.current.account_id}"
}

module "live_board" {
  source = "../http_function"
  count  = var.enabled.live_board ? 1 : 0

  function = merge(local.function["live-board"], {
    description = "One page that shows what the lanes do"

    environment = merge(
      local.common_environment,
      local.database_environment["reader"],
      local.kafka_environment,
      local.board_spilled ? local.pipelines_by_address : local.pipelines_inline,
      { for name, path in var.lake.job_tables : "FORECAST_TABLE" => path if name == "forecast_72" },
      {
        LAKE_ROOT       = var.lake.root
        PARKED_ROOT     = var.parked.root
        BOARD_FUNCTIONS = jsonencode(local.names)
        BOARD_QUEUES    = jsonencode([for function, queue in local.queue_names : { function = function, url = "${local.board_queue_urls}/${queue.name}", dead_letter_url = "${local.board_queue_urls}/${queue.dead_letter_name}" }])
      },
    )

    policy_statements = concat(
      [
        {
          sid       = "ReadTables"
          actions   = ["s3:GetObject"]
          resources = [for path in local.board_tables : "${var.lake.bucket_arn}/${path}/*"]
          condition = {}
        },
        {
          # IfExists: before S3 answers 404 for a missing object, it checks this permission without a prefix.
          sid       = "ListTables"
          actions   = ["s3:ListBucket"]
          resources = length(local.board_tables) == 0 ? [] : [var.lake.bucket_arn]
          condition = { StringLikeIfExists = { "s3:prefix" = [for path in local.board_tables : "${path}/*"] } }
        },
      ],
      local.read_parked,
      [
        {
          # With and without :*. AWS's guide uses one form of a log group's ARN, and its reference of actions uses the
          # other.
          sid       = "ReadLogs"
          actions   = ["logs:FilterLogEvents"]
          resources = flatten([for name in values(local.names) : ["${local.board_log_arns}:/aws/lambda/${name}", "${local.board_log_arns}:/aws/lambda/${name}:*"]])
          condition = {}
        },
        {
          sid       = "MeasureQueues"
          actions   = ["sqs:GetQueueAttributes"]
          resources = flatten([for queue in values(local.queue_names) : ["${local.board_queue_arns}:${queue.name}", "${local.board_queue_arns}:${queue.dead_letter_name}"]])
          condition = {}
        },
      ],
      [for statement in [
        { sid = "Connect", actions = ["kafka-cluster:Connect"], resources = [var.kafka.cluster_arn], condition = {} },
        { sid = "DescribeTopics", actions = ["kafka-cluster:DescribeTopic"], resources = local.kafka_topics, condition = {} },
        { sid = "DescribeGroups", actions = ["kafka-cluster:DescribeGroup"], resources = local.kafka_groups, condition = {} },
      ] : statement if var.kafka.auth == "msk-iam"],
      var.warehouse.reader.statements,
      [for statement in local.read_pipelines : statement if local.board_spilled],
    )
  })

  alarms            = var.alarms
  start_after       = local.migrated
  auth              = var.board.auth == "iam" ? "AWS_IAM" : "NONE"
  invoke_permission = var.url_invoke_permissions
}
