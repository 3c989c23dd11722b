# The lanes with existing sources, and the authentication of URLs.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name_prefix   = "shop"
  environment   = "test"
  artifacts_dir = "tests/fixtures/not-built"
  bucket_prefix = "shop"
  architecture  = "arm64"
  pipelines     = { json = "[]", topics = [], lake_mappings = [], totals_mappings = [], table_mappings = [] }
  kafka         = { bootstrap_servers = "127.0.0.1:9092", auth = "plaintext" }
  lake          = { root = "s3://lake", bucket = "lake", bucket_arn = "arn:aws:s3:::lake", tables = {} }
  parked        = { root = "s3://parked/parked", bucket = "parked", bucket_arn = "arn:aws:s3:::parked" }

  warehouse = {
    administrator = { url = "postgres://admin@db.example.com/shop", auth = "url", statements = [] }
    writer        = { url = "postgres://app@db.example.com/shop", auth = "url", statements = [] }
    reader        = { url = "postgres://app@db.example.com/shop", auth = "url", statements = [] }
  }
}

run "existing_buckets_and_a_token_that_terraform_never_sees" {
  variables {
    media = { bucket = "their-media" }
    inbox = { bucket = "their-inbox", prefix = "drop/events", notifications = true }

    quick_retries = true

    lake = { root = "s3://lake", bucket = "lake", bucket_arn = "arn:aws:s3:::lake", tables = {}, job_tables = { forecast_72 = "forecast_72" } }
  }

  module {
    source = "./modules/lanes"
  }

  assert {
    condition     = length(module.media_bucket) == 0 && length(module.inbox_bucket) == 0 && output.media_bucket == "their-media" && output.inbox_bucket == "their-inbox"
    error_message = "No bucket and no secret is created if one exists."
  }

  assert {
    condition = (
      one([for statement in jsondecode(output.policies["bucket-ingester"]).Statement : statement.Resource if statement.Sid == "ReadMedia"]) == ["arn:aws:s3:::their-media/*"] &&
      one([for statement in jsondecode(output.policies["inbox-etl"]).Statement : statement.Resource if statement.Sid == "ReadInbox"]) == ["arn:aws:s3:::their-inbox/drop/events/*"]
    )
    error_message = "Permissions name the owner's buckets."
  }

  assert {
    condition     = output.environments["bucket-ingester"].MEDIA_SOURCE == "s3://their-media" && output.environments["inbox-etl"].INBOX_ROOT == "s3://their-inbox/drop/events"
    error_message = "The functions read the existing buckets."
  }

  assert {
    condition     = !module.bucket_ingester[0].delivery.notified && module.inbox_etl[0].delivery.notified
    error_message = "An existing bucket's notification configuration is not replaced by default."
  }

  assert {
    condition     = [for queue in output.queues : queue.name] == ["shop-bucket-ingester", "shop-inbox-etl"]
    error_message = "Both queues exist, so that the owner can add them to the notification configuration."
  }

  assert {
    condition     = module.bucket_ingester[0].delivery.retry_seconds == 120 && module.inbox_etl[0].delivery.retry_seconds == 60
    error_message = "With quick_retries, the visibility timeout is the function's timeout."
  }

  assert {
    condition = aws_cloudcontrolapi_resource.telemetry_token[0].type_name == "AWS::SecretsManager::Secret" && jsondecode(aws_cloudcontrolapi_resource.telemetry_token[0].desired_state) == {
      Name                 = "shop-telemetry-gateway/token"
      Description          = "What vehicles show to shop-telemetry-gateway"
      GenerateSecretString = { PasswordLength = 48, ExcludePunctuation = true }
    }
    error_message = "Secrets Manager generates the token: the request contains no value."
  }

  assert {
    condition     = output.urls["telemetry-gateway"].auth == "NONE" && output.environments["telemetry-gateway"].GATEWAY_TOKEN_SECRET == aws_cloudcontrolapi_resource.telemetry_token[0].id
    error_message = "By default, the token is required."
  }

  assert {
    condition     = output.environments["live-board"].FORECAST_TABLE == "forecast_72"
    error_message = "The board's environment names the forecast's table."
  }

  assert {
    condition = { for statement in jsondecode(output.policies["live-board"]).Statement : statement.Sid => [statement.Resource, try(statement.Condition, null)] if contains(["ReadTables", "ListTables"], statement.Sid) } == {
      ReadTables = [["arn:aws:s3:::lake/forecast_72/*"], null]
      ListTables = [["arn:aws:s3:::lake"], { StringLikeIfExists = { "s3:prefix" = ["forecast_72/*"] } }]
    }
    error_message = "In a lake without topics, the board may read only the forecast's table."
  }
}

run "a_web_address_and_an_existing_token" {
  variables {
    media     = { base_url = "https://media.example.com/files", list = "list.txt" }
    telemetry = { topic = "cars-v2", token_secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:their-token-AbCdEf" }
  }

  module {
    source = "./modules/lanes"
  }

  assert {
    condition     = !contains(keys(output.environments["live-board"]), "FORECAST_TABLE")
    error_message = "Without the forecast lane, the board's environment names no table."
  }

  assert {
    condition     = output.environments["bucket-ingester"].MEDIA_SOURCE == "https://media.example.com/files" && output.environments["bucket-ingester"].MEDIA_LIST == "list.txt"
    error_message = "The address is passed on unchanged."
  }

  assert {
    condition     = toset(jsondecode(output.policies["bucket-ingester"]).Statement[*].Sid) == toset(["WriteOwnLog", "ParkRecords", "ListParked"])
    error_message = "Without a bucket there is no permission on one."
  }

  assert {
    condition     = output.media_bucket == null && [for queue in output.queues : queue.name] == ["shop-inbox-etl"]
    error_message = "A web address has no queue: only the sweep feeds the lane."
  }

  assert {
    condition     = module.inbox_etl[0].delivery.notified && output.inbox_bucket == "shop-inbox"
    error_message = "A created bucket sends notifications."
  }

  assert {
    condition     = module.inbox_etl[0].delivery.retry_seconds == 360
    error_message = "In AWS, the visibility timeout is six times the function's timeout."
  }

  assert {
    condition     = length(aws_cloudcontrolapi_resource.telemetry_token) == 0 && output.telemetry_token_secret == "arn:aws:secretsmanager:eu-central-1:111122223333:secret:their-token-AbCdEf"
    error_message = "No bucket and no secret is created if one exists."
  }

  assert {
    condition     = output.environments["telemetry-gateway"].GATEWAY_TOKEN_SECRET == output.telemetry_token_secret && output.environments["telemetry-gateway"].TELEMETRY_TOPIC == "cars-v2"
    error_message = "The gateway uses the existing token's secret."
  }

  assert {
    condition     = one([for statement in jsondecode(output.policies["telemetry-gateway"]).Statement : statement.Resource if statement.Sid == "ReadToken"]) == [output.telemetry_token_secret]
    error_message = "The gateway may read only that secret."
  }
}

run "vehicles_that_sign_need_no_token_and_each_lane_has_a_switch" {
  variables {
    telemetry = { auth = "iam" }
    enabled = {
      parquet_writer  = false
      totals_upserter = false
      table_writer    = false
      bucket_ingester = false
      inbox_etl       = false
      rooms_generator = false
      live_board      = false
      lake_keeper     = false
      reconciler      = false
    }
  }

  module {
    source = "./modules/lanes"
  }

  assert {
    condition     = output.urls["telemetry-gateway"].auth == "AWS_IAM" && !contains(keys(output.environments["telemetry-gateway"]), "GATEWAY_TOKEN_SECRET")
    error_message = "Lambda checks the signature, and the gateway has no token."
  }

  assert {
    condition     = length(aws_cloudcontrolapi_resource.telemetry_token) == 0 && output.telemetry_token_secret == null
    error_message = "No token's secret is created."
  }

  assert {
    condition = (
      keys(output.functions) == ["schema-migrator", "telemetry-gateway"] && keys(output.urls) == ["telemetry-gateway"] && length(output.queues) == 0 && length(output.event_source_mappings) == 0 &&
      keys(output.policies) == ["schema-migrator", "schema-migrator-schedule", "telemetry-gateway"] && output.schedules[*].function_name == ["shop-schema-migrator"]
    )
    error_message = "A lane that is switched off has no function, role, queue, mapping, schedule or URL."
  }

  assert {
    condition     = length(module.media_bucket) == 1 && length(module.inbox_bucket) == 1
    error_message = "The bucket of a removed lane stays."
  }
}

# A run plans all modules, so it tests invalid values of several variables. Every listed variable must be refused.
run "unknown_auth_and_a_bucket_together_with_an_address_are_refused" {
  command = plan

  variables {
    telemetry = { auth = "basic" }
    board     = { auth = "token" }
    media     = { bucket = "their-media", base_url = "https://media.example.com" }
  }

  module {
    source = "./modules/lanes"
  }

  expect_failures = [var.telemetry, var.board, var.media]
}

run "an_unused_token_and_plain_http_are_refused" {
  command = plan

  variables {
    telemetry = { auth = "none", token_secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:their-token-AbCdEf" }
    media     = { base_url = "http://media.example.com" }
  }

  module {
    source = "./modules/lanes"
  }

  expect_failures = [var.telemetry, var.media]
}

run "a_token_arn_that_widens_a_permission_and_one_bucket_for_both_are_refused" {
  command = plan

  variables {
    telemetry = { token_secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:*" }
    media     = { bucket = "theirs" }
    inbox     = { bucket = "theirs" }
  }

  module {
    source = "./modules/lanes"
  }

  expect_failures = [var.telemetry, var.inbox]
}

run "a_topic_and_a_prefix_that_widen_a_permission_are_refused" {
  command = plan

  variables {
    telemetry = { topic = "*" }
    inbox     = { prefix = "*" }
  }

  module {
    source = "./modules/lanes"
  }

  expect_failures = [var.telemetry, var.inbox]
}

run "a_body_beyond_lambdas_is_refused" {
  command = plan

  variables {
    telemetry = { body_limit_bytes = 4194305 }
  }

  module {
    source = "./modules/lanes"
  }

  expect_failures = [var.telemetry]
}

run "brokers_that_may_take_longer_than_the_function_are_refused" {
  command = plan

  variables {
    telemetry = { produce_timeout_seconds = 15 }
  }

  module {
    source = "./modules/lanes"
  }

  expect_failures = [var.telemetry]
}
