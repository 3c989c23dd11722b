# The local environment: the same lanes; the local stack provides the features that the emulator lacks.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  kafka_bootstrap_servers = "127.0.0.1:9092"
  database_url            = "postgres://headwater:hunter2@127.0.0.1:5432/headwater"
  artifacts_dir           = "tests/fixtures/not-built"
  pipelines_dir           = "tests/fixtures/rooms-and-telemetry"
  forecast_job_dir        = "tests/fixtures/forecast"
}

run "local" {
  module {
    source = "./environments/local"
  }

  assert {
    condition     = alltrue([for folder, name in output.functions : folder == name])
    error_message = "On the local stack, a function has the name of its folder."
  }

  assert {
    condition = [for mapping in output.event_source_mappings : "${mapping.function_name} ${mapping.topic} ${mapping.consumer_group}"] == [
      "parquet-writer rooms-v1 coldstorage",
      "totals-upserter rooms-v1 reckoning",
      "table-writer telemetry-v1 diagnostics",
    ]
    error_message = "The output has the mappings for the bridge."
  }

  assert {
    condition     = length(flatten([for function in values(module.lanes.mapping_ids) : values(function)])) == 0
    error_message = "The bridge polls the topics."
  }

  assert {
    condition     = output.lake_root == "s3://headwater-lake" && output.parked_root == "s3://headwater-parked/parked"
    error_message = "The headwater command needs these outputs."
  }

  assert {
    condition     = !anytrue([for schedule in output.schedules : schedule.enabled])
    error_message = "Schedules are deployed and off."
  }

  assert {
    condition = !anytrue(flatten([
      for environment in values(module.lanes.environments) : [for value in values(environment) : strcontains(nonsensitive(value), "hunter2")]
    ]))
    error_message = "No password in a function's environment."
  }

  assert {
    condition     = module.lanes.environments["totals-upserter"].DATABASE_URL == "postgres://headwater@127.0.0.1:5432/headwater"
    error_message = "DATABASE_URL has the address without the password."
  }

  assert {
    condition     = startswith(module.lanes.environments["totals-upserter"].DATABASE_AUTH, "secret:")
    error_message = "User and password are in a secret."
  }

  assert {
    condition     = output.functions["bucket-ingester"] == "bucket-ingester" && output.functions["inbox-etl"] == "inbox-etl"
    error_message = "Both lanes exist."
  }

  assert {
    condition = output.forecast == {
      state_machine_arn = "arn:aws:states:eu-central-1:111122223333:stateMachine:some-machine"
      activity_arn      = "arn:aws:states:eu-central-1:111122223333:activity:some-activity"
      raw_bucket        = "headwater-raw"
      raw_prefix        = "raw/clima_tempo/forecast_72/"
      raw_root          = "s3://headwater-raw/raw/clima_tempo/forecast_72/"
      table             = "forecast_72"
      items             = tolist(["3477"])
      function_name     = "forecast-fetcher"
      schedule          = "forecast"
    }
    error_message = "The headwater command needs these outputs."
  }

  assert {
    condition     = jsondecode(module.lanes.environments["forecast-fetcher"].FETCH_SOURCES)[0].url == "http://127.0.0.1:8072/api/v1/forecast/locale/{item}/hours/72?token={token}"
    error_message = "The fetcher calls the stub."
  }

  assert {
    condition     = output.media_bucket == "headwater-media" && output.inbox_bucket == "headwater-inbox"
    error_message = "The headwater command needs these outputs."
  }

  assert {
    condition = [for queue in output.queues : "${queue.function_name} ${queue.name} ${queue.dead_letter_name}"] == [
      "bucket-ingester bucket-ingester bucket-ingester-failed",
      "inbox-etl inbox-etl inbox-etl-failed",
    ]
    error_message = "`headwater drain` needs these outputs."
  }

  assert {
    condition = [for mapping in output.queue_mappings : "${mapping.function_name} ${mapping.queue_arn} ${mapping.batch_size} ${mapping.window_seconds} ${mapping.partial_batch_response}"] == [
      "bucket-ingester arn:aws:sqs:eu-central-1:111122223333:bucket-ingester 1 0 true",
      "inbox-etl arn:aws:sqs:eu-central-1:111122223333:inbox-etl 100 1 true",
    ]
    error_message = "The bridge polls the queues."
  }

  assert {
    condition = module.lanes.environments["bucket-ingester"] == tomap({
      HEADWATER_ENVIRONMENT = "local"
      LOG_LEVEL             = "warn"
      MEDIA_SOURCE          = "s3://headwater-media"
      MEDIA_LIST            = "files_list.data"
      DATABASE_URL          = "postgres://headwater@127.0.0.1:5432/headwater"
      DATABASE_AUTH         = "secret:arn:aws:secretsmanager:eu-central-1:111122223333:secret:headwater/database-AbCdEf"
      PARKED_ROOT           = "s3://headwater-parked/parked"
    })
    error_message = "bucket-ingester's environment has its source and no pipeline files."
  }

  assert {
    condition = module.lanes.environments["inbox-etl"] == tomap({
      HEADWATER_ENVIRONMENT = "local"
      LOG_LEVEL             = "warn"
      INBOX_ROOT            = "s3://headwater-inbox/inbox"
      DATABASE_URL          = "postgres://headwater@127.0.0.1:5432/headwater"
      DATABASE_AUTH         = "secret:arn:aws:secretsmanager:eu-central-1:111122223333:secret:headwater/database-AbCdEf"
      PARKED_ROOT           = "s3://headwater-parked/parked"
    })
    error_message = "inbox-etl's environment has its source and no pipeline files."
  }

  assert {
    condition     = toset([for schedule in output.schedules : schedule.function_name]) == toset(["rooms-generator", "bucket-ingester", "inbox-etl", "schema-migrator", "lake-keeper", "reconciler", "forecast"])
    error_message = "The sweeps, the daily migration and the forecast are deployed like the other schedule."
  }

  assert {
    condition = output.urls == {
      telemetry-gateway = "http://127.0.0.1:4567/url/telemetry-gateway"
      live-board        = "http://127.0.0.1:4567/url/live-board"
    }
    error_message = "The URLs are those of the bridge."
  }

  assert {
    condition     = alltrue([for url in values(module.lanes.urls) : url.auth == "NONE"]) && module.lanes.telemetry_token_secret == null
    error_message = "On the local stack, the URLs need no authentication."
  }

  assert {
    condition = module.lanes.environments["telemetry-gateway"] == tomap({
      HEADWATER_ENVIRONMENT   = "local"
      LOG_LEVEL               = "warn"
      KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:9092"
      KAFKA_AUTH              = "plaintext"
      TELEMETRY_TOPIC         = "telemetry-v1"
      BODY_LIMIT_BYTES        = "1048576"
      PRODUCE_TIMEOUT_SECONDS = "5"
    })
    error_message = "telemetry-gateway's environment has the brokers and the topic, and no token."
  }

  assert {
    condition     = jsondecode(module.lanes.policies["telemetry-gateway"]).Statement[*].Sid == ["WriteOwnLog"]
    error_message = "A broker without IAM needs no permission."
  }

  assert {
    condition = (
      module.lanes.environments["live-board"].DATABASE_URL == module.lanes.environments["table-writer"].DATABASE_URL &&
      module.lanes.environments["live-board"].DATABASE_AUTH == module.lanes.environments["table-writer"].DATABASE_AUTH
    )
    error_message = "Without `reader`, all functions use the same user."
  }

  assert {
    condition     = jsondecode(module.lanes.environments["live-board"].BOARD_FUNCTIONS) == output.functions
    error_message = "The board's environment names every function, for their logs."
  }

  assert {
    condition     = module.lanes.environments["live-board"].FORECAST_TABLE == "forecast_72"
    error_message = "The local board shows the forecast."
  }

  assert {
    condition     = !contains(keys(module.lanes.environments["schema-migrator"]), "DATABASE_IAM_READER")
    error_message = "Without IAM sign-in, the migration creates no users."
  }
}

run "a_password_that_terraform_cannot_decode_is_refused" {
  command = plan

  variables {
    name         = "x"
    existing     = {}
    existing_url = "postgres://headwater:hunter%402@127.0.0.1:5432/headwater"
  }

  module {
    source = "./modules/warehouse"
  }

  expect_failures = [var.existing_url]
}
