# The dashboard, the alarm topic and the budget.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "the_dashboard_shows_queues_and_urls_beside_mappings" {
  variables {
    name           = "main"
    environment    = "dev"
    alarm_emails   = ["a@example.com", "b@example.com"]
    budget         = { monthly_usd = 300 }
    kms_key_arn    = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555"
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
    error_message = "Queues have widgets for length, age and dead letters."
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
    error_message = "URLs have widgets for requests, refusals, failures and latency."
  }

  assert {
    condition = one([
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.properties.metrics[*][5] if widget.properties.title == "Records parked"
    ]) == ["writer", "reader"]
    error_message = "Every lane has its records."
  }

  assert {
    condition = alltrue([for title in ["Faults", "Holes forgotten", "Offsets skipped", "Topics created again"] : contains(
      [for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.properties.title if length(widget.properties.metrics) > 0], title
    )])
    error_message = "The metrics of the functions' alarms are shown."
  }

  assert {
    condition = one([
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : jsonencode(widget.properties.metrics) if widget.properties.title == "Events rejected"
      ]) == jsonencode([
      ["Headwater", "EventsRejected", "environment", "dev", "function", "gateway"],
      ["Headwater", "EventsRejected", "environment", "dev", "function", "board"],
    ])
    error_message = "The metrics of functions with a URL are shown."
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
    error_message = "The metrics of fetchers and the results of runs are shown."
  }

  assert {
    condition     = aws_cloudwatch_dashboard.this.dashboard_name == "main-eu-central-1" && aws_sns_topic.alarms[0].name == "main-eu-central-1-alarms" && aws_budgets_budget.this[0].name == "main-eu-central-1"
    error_message = "The names of dashboard and budget contain the region."
  }

  assert {
    condition     = aws_sns_topic.alarms[0].kms_master_key_id == "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555" && length(aws_sns_topic_subscription.email) == 2
    error_message = "The topic has the given key, and a subscription for each address."
  }

  assert {
    condition     = { for notification in aws_budgets_budget.this[0].notification : notification.notification_type => notification.threshold } == { ACTUAL = 80, FORECASTED = 100 } && aws_budgets_budget.this[0].limit_amount == "300"
    error_message = "The budget notifies at 80 % of actual costs and at 100 % of the forecast."
  }

  assert {
    condition     = alltrue([for notification in aws_budgets_budget.this[0].notification : notification.subscriber_email_addresses == toset(["a@example.com", "b@example.com"]) && length(notification.subscriber_sns_topic_arns) == 0])
    error_message = "Addresses are notified directly, not through the topic."
  }

  assert {
    condition     = length(aws_budgets_budget.this[0].cost_filter) == 0 && !aws_budgets_budget.this[0].cost_types[0].include_credit
    error_message = "By default the budget has no tag filter and does not count credits."
  }
}

run "an_existing_alarm_topic_is_used" {
  command   = plan
  state_key = "own-topic"

  variables {
    name            = "main"
    environment     = "dev"
    function_names  = []
    mappings        = []
    alarm_topic_arn = "arn:aws:sns:eu-central-1:111122223333:on-call"
    budget          = { monthly_usd = 50, by_tag = true }
  }

  module {
    source = "./modules/observability"
  }

  assert {
    condition     = output.alarm_topic_arn == "arn:aws:sns:eu-central-1:111122223333:on-call" && length(aws_sns_topic.alarms) == 0 && length(aws_sns_topic_subscription.email) == 0
    error_message = "No topic and no subscriptions are created."
  }

  assert {
    condition     = alltrue([for notification in aws_budgets_budget.this[0].notification : notification.subscriber_sns_topic_arns == toset(["arn:aws:sns:eu-central-1:111122223333:on-call"])])
    error_message = "The budget notifies the topic, too."
  }

  assert {
    condition     = one(aws_budgets_budget.this[0].cost_filter).name == "TagKeyValue" && one(aws_budgets_budget.this[0].cost_filter).values == tolist(["user:deployment$main"])
    error_message = "The filter has AWS's format of a user-defined tag; other formats match nothing."
  }
}

run "invalid_names_and_addresses_are_refused" {
  command   = plan
  state_key = "own-topic"

  variables {
    name            = "a-name-that-leaves-no-room-for-a-region-and-more"
    environment     = "dev"
    function_names  = []
    mappings        = []
    alarm_topic_arn = "arn:aws:sns:eu-west-1:111122223333:on-call"
    alarm_emails    = ["nobody"]
  }

  module {
    source = "./modules/observability"
  }

  expect_failures = [var.name, var.alarm_topic_arn, var.alarm_emails]
}

run "a_budget_without_a_recipient_is_refused" {
  command   = plan
  state_key = "own-topic"

  variables {
    name           = "main"
    environment    = "dev"
    function_names = []
    mappings       = []
    budget         = { monthly_usd = 50 }
  }

  module {
    source = "./modules/observability"
  }

  expect_failures = [var.budget]
}
