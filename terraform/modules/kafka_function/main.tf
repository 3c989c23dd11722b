# A function that reads Kafka topics: the function, its event source mappings, the destination of batches that are given
# up, and alarms. Each topic has one mapping, with its own consumer group from the pipeline file.

locals {
  # Retry limits, bisecting and partial batch responses exist only in provisioned mode. AWS refuses them for on-demand
  # mappings.
  mappings = {
    for mapping in var.mappings : mapping.topic => {
      function_name              = var.function.name
      topic                      = mapping.topic
      consumer_group             = mapping.consumer_group
      starting_position          = mapping.starting_position
      batch_size                 = mapping.batch_size
      window_seconds             = mapping.window_seconds
      partial_batch_response     = mapping.provisioned != null ? mapping.provisioned.report_batch_item_failures : false
      bisect                     = mapping.provisioned != null ? mapping.provisioned.bisect : false
      maximum_retries            = mapping.provisioned != null ? mapping.provisioned.maximum_retries : -1
      maximum_record_age_seconds = mapping.provisioned != null ? mapping.provisioned.maximum_record_age_seconds : -1
      on_failure                 = mapping.on_failure ? "s3://${var.failed_batches.bucket}/failed/${var.function_label}" : null
    }
  }
  pollers    = { for mapping in var.mappings : mapping.topic => mapping.provisioned }
  on_failure = { for mapping in var.mappings : mapping.topic => mapping.on_failure }

  # One setting of the function applies to all its mappings. If one mapping does not support partial batch responses,
  # any failure must fail the whole invocation. The other mappings then retry whole batches, which is slower but equally
  # safe.
  partial_batch_response = length(local.mappings) > 0 && alltrue([for mapping in local.mappings : mapping.partial_batch_response])

  # arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/UUID → …:topic/NAME/UUID/TOPIC and …:group/NAME/UUID/GROUP
  topic_arns = [for topic in keys(local.mappings) : "${replace(var.cluster_arn, ":cluster/", ":topic/")}/${topic}" if var.cluster_arn != null]
  group_arns = distinct([for mapping in local.mappings : "${replace(var.cluster_arn, ":cluster/", ":group/")}/${mapping.consumer_group}" if var.cluster_arn != null])

  poller_statements = [for statement in [
    {
      sid       = "FindBrokers"
      actions   = ["kafka:DescribeCluster", "kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"]
      resources = [var.cluster_arn]
    },
    {
      sid       = "Connect"
      actions   = ["kafka-cluster:Connect", "kafka-cluster:DescribeClusterDynamicConfiguration"]
      resources = [var.cluster_arn]
    },
    {
      sid       = "ReadTopics"
      actions   = ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"]
      resources = local.topic_arns
    },
    {
      sid       = "CommitInGroups"
      actions   = ["kafka-cluster:DescribeGroup", "kafka-cluster:AlterGroup"]
      resources = local.group_arns
    },
  ] : statement if var.cluster_arn != null && length(local.mappings) > 0]

  # Lambda chooses the key: aws/lambda/<mapping id>/….
  failure_statements = [for statement in [
    {
      sid       = "KeepFailedBatches"
      actions   = ["s3:PutObject"]
      resources = ["${var.failed_batches.bucket_arn}/aws/lambda/*", "${var.failed_batches.bucket_arn}/failed/${var.function_label}/*"]
    },
    {
      sid       = "CheckFailedBatchBucket"
      actions   = ["s3:ListBucket"]
      resources = [var.failed_batches.bucket_arn]
    },
  ] : statement if anytrue(values(local.on_failure))]
}

module "function" {
  source = "../function"

  function = merge(var.function, {
    environment       = merge(var.function.environment, { PARTIAL_BATCH_RESPONSE = tostring(local.partial_batch_response) })
    policy_statements = concat(var.function.policy_statements, local.poller_statements, local.failure_statements)
  })
  alarms        = var.alarms
  parks_records = true
  start_after   = var.start_after
}

resource "aws_lambda_event_source_mapping" "this" {
  for_each = { for topic, mapping in local.mappings : topic => mapping if var.create_event_source_mapping }

  function_name    = module.function.live_arn
  event_source_arn = var.cluster_arn
  topics           = [each.key]

  starting_position                  = each.value.starting_position
  batch_size                         = each.value.batch_size
  maximum_batching_window_in_seconds = each.value.window_seconds

  amazon_managed_kafka_event_source_config {
    consumer_group_id = each.value.consumer_group
  }

  dynamic "provisioned_poller_config" {
    for_each = local.pollers[each.key] == null ? [] : [local.pollers[each.key]]
    content {
      minimum_pollers = provisioned_poller_config.value.minimum_pollers
      maximum_pollers = provisioned_poller_config.value.maximum_pollers
    }
  }

  function_response_types        = each.value.partial_batch_response ? ["ReportBatchItemFailures"] : null
  bisect_batch_on_function_error = local.pollers[each.key] == null ? null : each.value.bisect
  maximum_retry_attempts         = local.pollers[each.key] == null ? null : each.value.maximum_retries
  maximum_record_age_in_seconds  = local.pollers[each.key] == null ? null : each.value.maximum_record_age_seconds

  dynamic "destination_config" {
    for_each = each.value.on_failure == null ? [] : [var.failed_batches.bucket_arn]
    content {
      on_failure {
        destination_arn = destination_config.value
      }
    }
  }

  # The whole module: Lambda tests the role's policy when it creates the mapping, and the steps in `start_after` must
  # have finished.
  depends_on = [module.function]

  lifecycle {
    precondition {
      condition     = var.cluster_arn != null
      error_message = "An event source mapping reads from an MSK cluster: set cluster_arn, or set create_event_source_mapping = false."
    }
  }
}
