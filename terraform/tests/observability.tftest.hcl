# The dashboard: what somebody on call sees.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "the_dashboard_shows_queues_and_urls_beside_mappings" {
  variables {
    name           = "main"
    environment    = "dev"
    function_names = ["writer", "reader"]
    mappings       = [{ function_name = "writer", topic = "t", consumer_group = "g" }]
    queues         = [{ function_name = "reader", name = "reader", dead_letter_name = "reader-failed" }]

    url_function_names = ["gateway", "board"]
    fetchers           = ["fetcher"]
    state_machine_arns = ["arn:aws:states:eu-central-1:111122223333:stateMachine:daily"]
  }

  module {
    source = "./modules/observability"
  }

  assert {
    condition = {
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.properties.title => jsonencode(widget.properties.metrics) if startswith(widget.properties.title, "Queue")
      } == {
      "Queue: dead letters"       = jsonencode([["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "reader-failed"]])
      "Queue: messages waiting"   = jsonencode([["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "reader"]])
      "Queue: oldest message (s)" = jsonencode([["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "reader"]])
    }
    error_message = "What waits, since when, and what was given up."
  }

  assert {
    condition = {
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.properties.title => jsonencode(widget.properties.metrics) if startswith(widget.properties.title, "URL")
      } == {
      "URL: 4xx"              = jsonencode([["AWS/Lambda", "Url4xxCount", "FunctionName", "gateway"], ["AWS/Lambda", "Url4xxCount", "FunctionName", "board"]])
      "URL: 5xx"              = jsonencode([["AWS/Lambda", "Url5xxCount", "FunctionName", "gateway"], ["AWS/Lambda", "Url5xxCount", "FunctionName", "board"]])
      "URL: latency p99 (ms)" = jsonencode([["AWS/Lambda", "UrlRequestLatency", "FunctionName", "gateway"], ["AWS/Lambda", "UrlRequestLatency", "FunctionName", "board"]])
      "URL: requests"         = jsonencode([["AWS/Lambda", "UrlRequestCount", "FunctionName", "gateway"], ["AWS/Lambda", "UrlRequestCount", "FunctionName", "board"]])
    }
    error_message = "What was asked, refused and failed, and how long it took."
  }

  assert {
    condition = one([
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.properties.metrics[*][5] if widget.properties.title == "Records parked"
    ]) == ["writer", "reader"]
    error_message = "Records of every lane."
  }

  assert {
    condition = alltrue([for title in ["Faults", "Holes forgotten", "Offsets skipped", "Topics created again"] : contains(
      [for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.properties.title if length(widget.properties.metrics) > 0], title
    )])
    error_message = "What the alarms of the functions' own metrics are about."
  }

  assert {
    condition = one([
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : jsonencode(widget.properties.metrics) if widget.properties.title == "Events rejected"
      ]) == jsonencode([
      ["Headwater", "EventsRejected", "environment", "dev", "function", "gateway"],
      ["Headwater", "EventsRejected", "environment", "dev", "function", "board"],
    ])
    error_message = "What a function behind a URL counts."
  }

  assert {
    condition = {
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.properties.title => widget.properties.metrics[0] if startswith(widget.properties.title, "Items") || widget.properties.title == "Fetch retries" || startswith(widget.properties.title, "Runs")
      } == {
      "Items stored"    = ["Headwater", "ItemsStored", "environment", "dev", "function", "fetcher"]
      "Items failed"    = ["Headwater", "ItemsFailed", "environment", "dev", "function", "fetcher"]
      "Fetch retries"   = ["Headwater", "FetchRetries", "environment", "dev", "function", "fetcher"]
      "Runs: succeeded" = ["AWS/States", "ExecutionsSucceeded", "StateMachineArn", "arn:aws:states:eu-central-1:111122223333:stateMachine:daily"]
      "Runs: failed"    = ["AWS/States", "ExecutionsFailed", "StateMachineArn", "arn:aws:states:eu-central-1:111122223333:stateMachine:daily"]
      "Runs: timed out" = ["AWS/States", "ExecutionsTimedOut", "StateMachineArn", "arn:aws:states:eu-central-1:111122223333:stateMachine:daily"]
      "Runs: time (ms)" = ["AWS/States", "ExecutionTime", "StateMachineArn", "arn:aws:states:eu-central-1:111122223333:stateMachine:daily"]
    }
    error_message = "What a fetcher counts, and how the runs went."
  }
}
