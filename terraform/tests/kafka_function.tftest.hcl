# One function with Kafka mappings: validations and settings.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  function_label = "writer"
  function = {
    name            = "writer"
    description     = "writes"
    code            = { bucket = "code", key = "writer.zip" }
    memory_mb       = 512
    timeout_seconds = 60
    environment     = { HEADWATER_ENVIRONMENT = "dev" }
  }
  cluster_arn    = "arn:aws:kafka:eu-central-1:111122223333:cluster/main/11111111-2222-3333-4444-555555555555-1"
  failed_batches = { bucket = "parked", bucket_arn = "arn:aws:s3:::parked" }
  mappings       = [{ topic = "t", consumer_group = "g" }]
}

run "on_demand" {
  module {
    source = "./modules/kafka_function"
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.this["t"].amazon_managed_kafka_event_source_config[0].consumer_group_id == "g" &&
      aws_lambda_event_source_mapping.this["t"].starting_position == "TRIM_HORIZON" &&
      aws_lambda_event_source_mapping.this["t"].batch_size == 10000 &&
      aws_lambda_event_source_mapping.this["t"].maximum_batching_window_in_seconds == 1
    )
    error_message = "The mapping has its consumer group, starts at the oldest record, and has large batches and a short window."
  }

  assert {
    condition     = length(aws_lambda_event_source_mapping.this["t"].provisioned_poller_config) == 0 && length(coalesce(aws_lambda_event_source_mapping.this["t"].function_response_types, [])) == 0
    error_message = "An on-demand mapping has no provisioned pollers and no partial responses."
  }

  assert {
    condition     = length(aws_lambda_event_source_mapping.this["t"].destination_config) == 0
    error_message = "Batches are not given up unless the pipeline file says so."
  }
}

run "provisioned_with_partial_responses_and_a_destination" {
  variables {
    mappings = [{
      topic          = "t"
      consumer_group = "g"
      on_failure     = true
      provisioned    = { maximum_pollers = 4, bisect = true, maximum_retries = 5, maximum_record_age_seconds = 3600 }
    }]
    alarms = { skipped_offsets = 3 }
  }

  module {
    source = "./modules/kafka_function"
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.this["t"].provisioned_poller_config[0].maximum_pollers == 4 &&
      contains(aws_lambda_event_source_mapping.this["t"].function_response_types, "ReportBatchItemFailures") &&
      aws_lambda_event_source_mapping.this["t"].bisect_batch_on_function_error &&
      aws_lambda_event_source_mapping.this["t"].maximum_retry_attempts == 5 &&
      aws_lambda_event_source_mapping.this["t"].maximum_record_age_in_seconds == 3600
    )
    error_message = "In provisioned mode, the settings are passed on."
  }

  assert {
    condition     = output.environment["PARTIAL_BATCH_RESPONSE"] == "true"
    error_message = "The function's setting follows the mapping."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this["t"].destination_config[0].on_failure[0].destination_arn == "arn:aws:s3:::parked"
    error_message = "Batches that are given up go to the parked bucket."
  }

  assert {
    condition     = length([for statement in jsondecode(output.policy).Statement : statement if statement.Sid == "KeepFailedBatches"]) == 1
    error_message = "The role may write them."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.skipped[0].metric_name == "OffsetsSkipped" &&
      aws_cloudwatch_metric_alarm.skipped[0].threshold == 3 &&
      aws_cloudwatch_metric_alarm.skipped[0].dimensions == tomap({ environment = "dev", function = "writer" })
    )
    error_message = "The alarm uses the metric of skipped offsets."
  }

  assert {
    condition = (
      { for key, alarm in aws_cloudwatch_metric_alarm.lost_track : key => alarm.metric_name } == { "holes-forgotten" = "HolesForgotten", "topic-recreated" = "TopicsRecreated" } &&
      alltrue([for alarm in aws_cloudwatch_metric_alarm.lost_track : alarm.threshold == 0 && alarm.dimensions == tomap({ environment = "dev", function = "writer" })])
    )
    error_message = "A single forgotten hole or recreated topic raises an alarm."
  }
}

run "topics_of_any_length_have_alarms_of_their_own" {
  variables {
    mappings = [
      { topic = "${join("", [for number in range(248) : "a"])}b", consumer_group = "g" },
      { topic = "${join("", [for number in range(248) : "a"])}c", consumer_group = "h" },
      { topic = "short", consumer_group = "i" },
    ]
    alarms       = { busy_topics = ["short", "elsewhere"], lag_records = 5000, stale_minutes = 12 }
    cluster_name = "main"
  }

  module {
    source = "./modules/kafka_function"
  }

  assert {
    condition = (
      length(distinct([for alarm in aws_cloudwatch_metric_alarm.lag : alarm.alarm_name])) == 3 &&
      alltrue([for alarm in aws_cloudwatch_metric_alarm.lag : length(alarm.alarm_name) <= 255]) &&
      aws_cloudwatch_metric_alarm.lag["short"].alarm_name == "writer-short-lag"
    )
    error_message = "CloudWatch takes names of at most 255 characters."
  }

  assert {
    condition = (
      alltrue([for topic, alarm in aws_cloudwatch_metric_alarm.backlog : alarm.metric_name == "SumOffsetLag" && alarm.threshold == 5000 && alarm.treat_missing_data == (topic == "short" ? "breaching" : "notBreaching")]) &&
      aws_cloudwatch_metric_alarm.backlog["short"].dimensions == tomap({ "Cluster Name" = "main", "Consumer Group" = "i", "Topic" = "short" })
    )
    error_message = "For busy topics, a missing metric raises the alarm, because a mapping that never worked has no group. For other topics it does not."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.stale[0].metric_name == "RecordsStored" && aws_cloudwatch_metric_alarm.stale[0].comparison_operator == "LessThanThreshold" &&
      aws_cloudwatch_metric_alarm.stale[0].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.stale[0].evaluation_periods == 3 &&
      aws_cloudwatch_metric_alarm.stale[0].dimensions == tomap({ environment = "dev", function = "writer" })
    )
    error_message = "For busy topics, an alarm reports that nothing is stored."
  }
}

run "provisioned_without_partial_responses" {
  variables {
    mappings = [{ topic = "t", consumer_group = "g", provisioned = { report_batch_item_failures = false } }]
    alarms   = {}
  }

  module {
    source = "./modules/kafka_function"
  }

  assert {
    condition     = output.environment["PARTIAL_BATCH_RESPONSE"] == "false" && length(coalesce(aws_lambda_event_source_mapping.this["t"].function_response_types, [])) == 0
    error_message = "The function's setting follows the mapping."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.skipped) == 0
    error_message = "Without skipped_offsets there is no alarm."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.stale) == 0
    error_message = "Without busy_topics, an idle topic raises no alarm."
  }
}

run "without_a_kafka_event_source_the_mappings_are_only_outputs" {
  variables {
    create_event_source_mapping = false
    cluster_arn                 = null
  }

  module {
    source = "./modules/kafka_function"
  }

  assert {
    condition     = length(aws_lambda_event_source_mapping.this) == 0 && length(output.event_source_mappings) == 1
    error_message = "The outputs have the same mappings, but none is created."
  }
}

run "fifteen_minutes_and_latest_are_refused" {
  command = plan

  variables {
    function = { name = "writer", code = { bucket = "code", key = "writer.zip" }, memory_mb = 512, timeout_seconds = 900 }
    mappings = [{ topic = "t", consumer_group = "g", starting_position = "LATEST" }]
  }

  module {
    source = "./modules/kafka_function"
  }

  expect_failures = [var.mappings]
}

run "batches_beyond_ten_thousand_are_refused" {
  command = plan

  variables {
    mappings = [{ topic = "t", consumer_group = "g", batch_size = 10001 }]
  }

  module {
    source = "./modules/kafka_function"
  }

  expect_failures = [var.mappings]
}

run "windows_beyond_five_minutes_are_refused" {
  command = plan

  variables {
    mappings = [{ topic = "t", consumer_group = "g", window_seconds = 301 }]
  }

  module {
    source = "./modules/kafka_function"
  }

  expect_failures = [var.mappings]
}

run "giving_up_without_a_destination_is_refused" {
  command = plan

  variables {
    mappings = [{ topic = "t", consumer_group = "g", provisioned = { maximum_retries = 3 } }]
  }

  module {
    source = "./modules/kafka_function"
  }

  expect_failures = [var.mappings]
}

run "a_star_in_a_policy_is_refused" {
  command = plan

  variables {
    function = {
      name              = "writer"
      code              = { bucket = "code", key = "writer.zip" }
      memory_mb         = 512
      timeout_seconds   = 60
      policy_statements = [{ sid = "Everything", actions = ["s3:*"], resources = ["arn:aws:s3:::x"] }]
    }
  }

  module {
    source = "./modules/function"
  }

  expect_failures = [var.function]
}

run "faults_are_an_alarm_also_where_no_invocation_fails" {
  variables {
    alarms = { topic_arns = ["arn:aws:sns:eu-central-1:111122223333:alarms"] }
  }

  module {
    source = "./modules/function"
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.faults[0].metric_name == "Faults" &&
      aws_cloudwatch_metric_alarm.faults[0].namespace == "Headwater" &&
      aws_cloudwatch_metric_alarm.faults[0].threshold == 0 &&
      aws_cloudwatch_metric_alarm.faults[0].dimensions == tomap({ environment = "dev", function = "writer" }) &&
      contains(aws_cloudwatch_metric_alarm.faults[0].alarm_actions, "arn:aws:sns:eu-central-1:111122223333:alarms")
    )
    error_message = "The alarm uses the function's own metric, because a partial response does not count as an error."
  }
}

run "early_warnings_can_be_left_out" {
  variables {
    alarms = { early = false }
  }

  module {
    source = "./modules/function"
  }

  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.this) == ["errors"] && length(aws_cloudwatch_metric_alarm.faults) == 1
    error_message = "The alarm on errors always exists."
  }
}
