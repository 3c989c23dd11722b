# A dashboard that shows whether every lane keeps up. topic.tf contains the alarms' topic, and budget.tf the budget.

data "aws_region" "current" {}

locals {
  regional_name = "${var.name}-${data.aws_region.current.name}"

  lambda = { for title, metric in {
    "Invocations"           = { name = "Invocations", stat = "Sum" }
    "Errors"                = { name = "Errors", stat = "Sum" }
    "Duration p99 (ms)"     = { name = "Duration", stat = "p99" }
    "Concurrent executions" = { name = "ConcurrentExecutions", stat = "Maximum" }
    } : title => {
    metrics = [for name in var.function_names : ["AWS/Lambda", metric.name, "FunctionName", name]]
    stat    = metric.stat
  } }

  # Metrics that functions write themselves, by kind: of a lane, of a function with a URL, of any function.
  lane_metrics = {
    "Records received"        = "RecordsReceived"
    "Records stored"          = "RecordsStored"
    "Records parked"          = "RecordsParked"
    "Records delivered again" = "RecordsDuplicate"
    "Records to retry"        = "RecordsToRetry"
    "Records repeated"        = "RecordsRepeated"
    "Fields without a column" = "ExtraFields"
    "Holes forgotten"         = "HolesForgotten"
    "Offsets skipped"         = "OffsetsSkipped"
    "Topics created again"    = "TopicsRecreated"
    "Payload (bytes)"         = "PayloadSize"
  }
  object_metrics = {
    "Objects received"  = "ObjectsReceived"
    "Objects to retry"  = "ObjectsToRetry"
    "Objects listed"    = "ObjectsListed"
    "Objects unchanged" = "ObjectsUnchanged"
    "Objects processed" = "ObjectsProcessed"
    "Objects parked"    = "ObjectsParked"
    "Objects gone"      = "ObjectsGone"
    "Objects elsewhere" = "ObjectsElsewhere"
    "Objects missing"   = "ObjectsMissing"
    "Messages received" = "MessagesReceived"
    "Messages to retry" = "MessagesToRetry"
    "Lines unreadable"  = "LinesUnreadable"
    "Rows stored"       = "RowsStored"
    "Rows ignored"      = "RowsIgnored"
  }
  url_metrics = {
    "Events accepted"       = "EventsAccepted"
    "Events rejected"       = "EventsRejected"
    "Events unacknowledged" = "EventsUnacknowledged"
    "Answers 4xx"           = "ClientErrors"
    "Answers 5xx"           = "ServerErrors"
    "Requests (bytes)"      = "RequestSize"
    "Responses (bytes)"     = "ResponseSize"
  }
  fetcher_metrics = {
    "Items stored"  = "ItemsStored"
    "Items failed"  = "ItemsFailed"
    "Fetch retries" = "FetchRetries"
  }
  keeper_metrics = {
    "Upkeep: tables"                   = "TablesKept"
    "Upkeep: commits since checkpoint" = "CommitsSinceCheckpoint"
    "Upkeep: checkpoints"              = "Checkpoints"
    "Upkeep: files joined"             = "FilesJoined"
    "Upkeep: files written"            = "FilesWritten"
    "Upkeep: bytes joined"             = "BytesJoined"
    "Upkeep: bytes written"            = "BytesWritten"
    "Upkeep: files deleted"            = "FilesDeleted"
    "Upkeep: bytes deleted"            = "BytesDeleted"
    "Upkeep: log entries deleted"      = "LogEntriesDeleted"
  }
  reconciler_metrics = {
    "Certificates: fail now"      = "CertificatesFailed"
    "Certificates: seconds since" = "OldestUncertifiedSeconds"
  }
  function_metrics = {
    "Faults"               = "Faults"
    "Time in handler (ms)" = "Duration"
  }

  lanes = distinct(concat(var.mappings[*].function_name, var.queues[*].function_name))
  own = merge([for group in [
    { metrics = local.lane_metrics, functions = local.lanes },
    { metrics = local.object_metrics, functions = distinct(var.queues[*].function_name) },
    { metrics = local.url_metrics, functions = var.url_function_names },
    { metrics = local.fetcher_metrics, functions = var.fetchers },
    { metrics = local.keeper_metrics, functions = var.keepers },
    { metrics = local.reconciler_metrics, functions = var.reconcilers },
    { metrics = local.function_metrics, functions = var.function_names },
    ] : { for title, metric in group.metrics : title => {
      metrics = [for name in group.functions : ["Headwater", metric, "environment", var.environment, "function", name]]
      stat    = endswith(title, "(ms)") ? "p99" : "Sum"
  } if length(group.functions) > 0 }]...)

  kafka = var.cluster_name == null ? {} : {
    "Lag per mapping (s)" = {
      metrics = [for mapping in var.mappings : ["AWS/Kafka", "EstimatedMaxTimeLag", "Cluster Name", var.cluster_name, "Consumer Group", mapping.consumer_group, "Topic", mapping.topic]]
      stat    = "Maximum"
    }
    "Lag per mapping (records)" = {
      metrics = [for mapping in var.mappings : ["AWS/Kafka", "SumOffsetLag", "Cluster Name", var.cluster_name, "Consumer Group", mapping.consumer_group, "Topic", mapping.topic]]
      stat    = "Maximum"
    }
  }

  urls = length(var.url_function_names) == 0 ? {} : { for title, metric in {
    "URL: 4xx"              = { name = "Url4xxCount", stat = "Sum" }
    "URL: 5xx"              = { name = "Url5xxCount", stat = "Sum" }
    "URL: latency p99 (ms)" = { name = "UrlRequestLatency", stat = "p99" }
    "URL: requests"         = { name = "UrlRequestCount", stat = "Sum" }
    } : title => {
    metrics = [for name in var.url_function_names : ["AWS/Lambda", metric.name, "FunctionName", name]]
    stat    = metric.stat
  } }

  queues = length(var.queues) == 0 ? {} : {
    "Queue: messages waiting" = {
      metrics = [for queue in var.queues : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.name]]
      stat    = "Maximum"
    }
    "Queue: oldest message (s)" = {
      metrics = [for queue in var.queues : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue.name]]
      stat    = "Maximum"
    }
    "Queue: dead letters" = {
      metrics = [for queue in var.queues : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.dead_letter_name]]
      stat    = "Maximum"
    }
  }

  runs = length(var.state_machine_arns) == 0 ? {} : { for title, metric in {
    "Runs: succeeded" = { name = "ExecutionsSucceeded", stat = "Sum" }
    "Runs: failed"    = { name = "ExecutionsFailed", stat = "Sum" }
    "Runs: timed out" = { name = "ExecutionsTimedOut", stat = "Sum" }
    "Runs: time (ms)" = { name = "ExecutionTime", stat = "Maximum" }
    } : title => {
    metrics = [for arn in var.state_machine_arns : ["AWS/States", metric.name, "StateMachineArn", arn]]
    stat    = metric.stat
  } }

  database = var.database_identifier == null ? {} : {
    "Database: CPU (%)" = {
      metrics = [["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", var.database_identifier]]
      stat    = "Average"
    }
    "Database: connections" = {
      metrics = [["AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", var.database_identifier]]
      stat    = "Maximum"
    }
  }

  # Three widgets per row. The groups follow the questions of an on-call engineer.
  widgets = concat(
    [for title in sort(keys(local.kafka)) : merge(local.kafka[title], { title = title })],
    [for title in sort(keys(local.queues)) : merge(local.queues[title], { title = title })],
    [for title in sort(keys(local.urls)) : merge(local.urls[title], { title = title })],
    [for title in sort(keys(local.runs)) : merge(local.runs[title], { title = title })],
    [for title in sort(keys(local.own)) : merge(local.own[title], { title = title })],
    [for title in sort(keys(local.lambda)) : merge(local.lambda[title], { title = title })],
    [for title in sort(keys(local.database)) : merge(local.database[title], { title = title })],
  )
}

# All regions of an account share one list of dashboards.
resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = local.regional_name

  dashboard_body = jsonencode({
    widgets = [
      for index, widget in local.widgets : {
        type   = "metric"
        x      = index % 3 * 8
        y      = floor(index / 3) * 6
        width  = 8
        height = 6
        properties = {
          title   = widget.title
          region  = data.aws_region.current.name
          view    = "timeSeries"
          stat    = widget.stat
          period  = 60
          metrics = widget.metrics
        }
      }
    ]
  })
}
