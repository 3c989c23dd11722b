# One function with a bucket's notifications: validations and settings.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  function = {
    name            = "reader"
    description     = "reads"
    code            = { bucket = "code", key = "reader.zip" }
    memory_mb       = 256
    timeout_seconds = 60
  }
  bucket = { name = "source", arn = "arn:aws:s3:::source" }
  sweep  = { expression = "rate(1 hour)", enabled = false }
}

run "notified" {
  variables {
    filter_prefix       = "inbox/"
    batch_size          = 100
    window_seconds      = 1
    maximum_concurrency = 5
  }

  module {
    source = "./modules/s3_function"
  }

  assert {
    condition = jsondecode(aws_sqs_queue.this[0].policy).Statement == [{
      Sid       = "ObjectsOfTheBucket"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = ["sqs:SendMessage"]
      Resource  = ["arn:aws:sqs:eu-central-1:111122223333:reader"]
      Condition = {
        ArnEquals    = { "aws:SourceArn" = "arn:aws:s3:::source" }
        StringEquals = { "aws:SourceAccount" = "111122223333" }
      }
    }]
    error_message = "Only S3 may send messages, and only for this bucket of this account."
  }

  assert {
    condition = jsondecode(aws_sqs_queue.this[0].redrive_policy) == {
      deadLetterTargetArn = "arn:aws:sqs:eu-central-1:111122223333:reader-failed"
      maxReceiveCount     = 5
    }
    error_message = "A message that failed five times goes to the dead-letter queue."
  }

  assert {
    condition     = aws_sqs_queue.this[0].visibility_timeout_seconds == 360 && aws_sqs_queue.this[0].sqs_managed_sse_enabled
    error_message = "The visibility timeout is six times the function's timeout, as AWS recommends, and the queue is encrypted."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.this[0].event_source_arn == "arn:aws:sqs:eu-central-1:111122223333:reader" &&
      aws_lambda_event_source_mapping.this[0].function_response_types == toset(["ReportBatchItemFailures"]) &&
      aws_lambda_event_source_mapping.this[0].batch_size == 100 &&
      aws_lambda_event_source_mapping.this[0].maximum_batching_window_in_seconds == 1 &&
      aws_lambda_event_source_mapping.this[0].scaling_config[0].maximum_concurrency == 5
    )
    error_message = "The mapping supports partial responses, and has the given batch size and concurrency."
  }

  assert {
    condition = one([for statement in jsondecode(output.policy).Statement : statement if statement.Sid == "ReadQueue"]) == {
      Sid      = "ReadQueue"
      Effect   = "Allow"
      Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
      Resource = ["arn:aws:sqs:eu-central-1:111122223333:reader"]
    }
    error_message = "The role may only read its own queue."
  }

  assert {
    condition = (
      aws_s3_bucket_notification.this[0].bucket == "source" &&
      aws_s3_bucket_notification.this[0].queue[0].queue_arn == "arn:aws:sqs:eu-central-1:111122223333:reader" &&
      aws_s3_bucket_notification.this[0].queue[0].events == toset(["s3:ObjectCreated:*"]) &&
      aws_s3_bucket_notification.this[0].queue[0].filter_prefix == "inbox/"
    )
    error_message = "The notification covers every object that is created below the prefix."
  }

  assert {
    condition = output.queue == {
      function_name    = "reader"
      name             = "reader"
      url              = aws_sqs_queue.this[0].url
      dead_letter_name = "reader-failed"
      dead_letter_url  = module.failed[0].url
    }
    error_message = "The output has the queue and its dead-letter queue."
  }

  assert {
    condition     = output.queue_names == { name = output.queue.name, dead_letter_name = output.queue.dead_letter_name }
    error_message = "queue_names has the names of the queues."
  }

  assert {
    condition     = output.schedule.name == "reader" && output.schedule.expression == "rate(1 hour)" && !output.schedule.enabled
    error_message = "The sweep is deployed but disabled."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.age) == 0
    error_message = "Without `alarms` there are no alarms."
  }
}

run "notifications_that_are_configured_elsewhere" {
  variables {
    notifications              = false
    visibility_timeout_seconds = 60
    alarms                     = {}
    function = {
      name                     = "reader"
      code                     = { bucket = "code", key = "reader.zip" }
      memory_mb                = 256
      timeout_seconds          = 60
      role_suffix              = "-eucentral1"
      permissions_boundary_arn = "arn:aws:iam::111122223333:policy/boundary"
      kms_key_arn              = "arn:aws:kms:eu-central-1:111122223333:key/own"
    }
  }

  module {
    source = "./modules/s3_function"
  }

  assert {
    condition     = length(aws_s3_bucket_notification.this) == 0
    error_message = "The bucket's notification configuration is not changed."
  }

  assert {
    condition = (
      one([for statement in jsondecode(output.policy).Statement : statement if statement.Sid == "UseKey"]) == { Sid = "UseKey", Effect = "Allow", Action = ["kms:Decrypt"], Resource = ["arn:aws:kms:eu-central-1:111122223333:key/own"] } &&
      aws_sqs_queue.this[0].kms_master_key_id == "arn:aws:kms:eu-central-1:111122223333:key/own"
    )
    error_message = "The queue is encrypted with the given key, and the function may only decrypt."
  }

  assert {
    condition     = length(aws_sqs_queue.this) == 1 && length(aws_lambda_event_source_mapping.this) == 1
    error_message = "The queue exists, so that the bucket's owner can add it."
  }

  assert {
    condition     = aws_sqs_queue.this[0].visibility_timeout_seconds == 60
    error_message = "The visibility timeout may be as short as the function's timeout."
  }

  assert {
    condition     = length(aws_lambda_event_source_mapping.this[0].scaling_config) == 0 && aws_lambda_event_source_mapping.this[0].batch_size == 10
    error_message = "By default there is no concurrency limit."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.age[0].threshold == 1800 && aws_cloudwatch_metric_alarm.age[0].dimensions == tomap({ QueueName = "reader" })
    error_message = "An alarm reports waiting messages."
  }
}

run "an_existing_dead_letter_queue_is_used" {
  variables {
    dead_letter_queue_exists = true
  }

  override_data {
    target = data.aws_sqs_queue.failed
    values = {
      name = "reader-failed"
      arn  = "arn:aws:sqs:eu-central-1:111122223333:reader-failed"
      url  = "https://sqs.eu-central-1.amazonaws.com/111122223333/reader-failed"
    }
  }

  module {
    source = "./modules/s3_function"
  }

  assert {
    condition = (
      length(module.failed) == 0 &&
      jsondecode(aws_sqs_queue.this[0].redrive_policy).deadLetterTargetArn == "arn:aws:sqs:eu-central-1:111122223333:reader-failed" &&
      output.queue.dead_letter_url == "https://sqs.eu-central-1.amazonaws.com/111122223333/reader-failed"
    )
    error_message = "No second queue is created, and the redrive policy names the existing one."
  }
}

run "a_source_without_notifications_has_only_the_sweep" {
  variables {
    bucket = null
    alarms = {}
  }

  module {
    source = "./modules/s3_function"
  }

  assert {
    condition = (
      length(aws_sqs_queue.this) + length(module.failed) + length(aws_lambda_event_source_mapping.this) +
      length(aws_s3_bucket_notification.this) + length(aws_cloudwatch_metric_alarm.age) == 0 && output.queue == null
    )
    error_message = "There are no queue and no alarm on it."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(output.policy).Statement : statement.Sid != "ReadQueue"])
    error_message = "The role has no permission on a queue."
  }

  assert {
    condition     = output.schedule.name == "reader"
    error_message = "The sweep feeds the function."
  }
}

run "a_short_visibility_timeout_a_large_batch_without_a_window_and_a_concurrency_of_one_are_refused" {
  command = plan

  variables {
    visibility_timeout_seconds = 59
    batch_size                 = 11
    maximum_concurrency        = 1
  }

  module {
    source = "./modules/s3_function"
  }

  expect_failures = [var.visibility_timeout_seconds, var.batch_size, var.maximum_concurrency]
}

run "without_an_event_source_mapping" {
  variables {
    create_event_source_mapping = false
    maximum_concurrency         = 5
  }

  module {
    source = "./modules/s3_function"
  }

  assert {
    condition     = length(aws_lambda_event_source_mapping.this) == 0 && length(aws_sqs_queue.this) == 1
    error_message = "Lambda does not poll the queue."
  }

  assert {
    condition = (
      output.queue_mapping.queue_arn == "arn:aws:sqs:eu-central-1:111122223333:reader" && output.queue_mapping.batch_size == 10 &&
      output.queue_mapping.window_seconds == 0 && output.queue_mapping.maximum_concurrency == 5 && output.queue_mapping.partial_batch_response
    )
    error_message = "The output has the settings for the bridge."
  }
}
