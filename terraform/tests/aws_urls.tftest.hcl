# The AWS environment: telemetry-gateway with its URL, table-writer and live-board.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  region        = "eu-central-1"
  artifacts_dir = "tests/fixtures/not-built"
  alarm_emails  = ["on-call@example.com"]

  # The guard refuses the destroy at the end of a test otherwise.
  allow_destroy = true
  pipelines_dir = "tests/fixtures/rooms-and-telemetry"
}

override_resource {
  target = module.lake.module.bucket["lake"].aws_s3_bucket.this
  values = { arn = "arn:aws:s3:::the-lake" }
}

override_resource {
  target = module.lake.module.bucket["parked"].aws_s3_bucket.this
  values = { arn = "arn:aws:s3:::the-parked" }
}

override_resource {
  target = module.lanes.aws_cloudcontrolapi_resource.telemetry_token
  values = { id = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:headwater-dev-telemetry-gateway/token-AbCdEf" }
}

run "vehicles_and_the_board" {
  module {
    source = "./environments/aws"
  }

  assert {
    condition     = [for mapping in output.event_source_mappings : "${mapping.topic} ${mapping.consumer_group}" if mapping.function_name == "headwater-dev-table-writer"] == ["telemetry-v1 diagnostics"]
    error_message = "The table section of a file becomes a mapping."
  }

  assert {
    condition     = keys(module.lanes.mapping_ids["table-writer"]) == ["telemetry-v1"]
    error_message = "The mapping is created."
  }

  assert {
    condition     = module.lanes.environments["table-writer"] == module.lanes.environments["totals-upserter"]
    error_message = "Both lanes to Postgres have the same environment."
  }

  assert {
    condition = { for statement in jsondecode(module.lanes.policies["table-writer"]).Statement : statement.Sid => statement.Resource if contains(["ParkRecords", "SignInToDatabase", "ReadTopics", "CommitInGroups"], statement.Sid) } == {
      ParkRecords      = ["arn:aws:s3:::the-parked/parked/table-writer/*"]
      SignInToDatabase = ["arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-ABCDEFGHIJKLMNOP/headwater_writer"]
      ReadTopics       = ["arn:aws:kafka:eu-central-1:111122223333:topic/headwater-dev/11111111-2222-3333-4444-555555555555-1/telemetry-v1"]
      CommitInGroups   = ["arn:aws:kafka:eu-central-1:111122223333:group/headwater-dev/11111111-2222-3333-4444-555555555555-1/diagnostics"]
    }
    error_message = "table-writer may read only its topic in its group, sign in as the writer, and park in its own folder."
  }

  assert {
    condition     = module.lanes.urls["telemetry-gateway"].auth == "NONE" && output.urls["telemetry-gateway"] == "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws"
    error_message = "The gateway's URL must not require IAM, because vehicles have no IAM identity."
  }

  assert {
    condition = nonsensitive(module.lanes.environments["telemetry-gateway"]) == tomap({
      HEADWATER_ENVIRONMENT   = "dev"
      LOG_LEVEL               = "warn"
      KAFKA_BOOTSTRAP_SERVERS = "b-1.headwater-dev.kafka.eu-central-1.amazonaws.com:9098"
      KAFKA_AUTH              = "msk-iam"
      TELEMETRY_TOPIC         = "telemetry-v1"
      GATEWAY_TOKEN_SECRET    = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:headwater-dev-telemetry-gateway/token-AbCdEf"
      BODY_LIMIT_BYTES        = "1048576"
      PRODUCE_TIMEOUT_SECONDS = "5"
    })
    error_message = "telemetry-gateway's environment has the brokers, the topic, and the token's secret."
  }

  assert {
    condition = { for statement in jsondecode(module.lanes.policies["telemetry-gateway"]).Statement : statement.Sid => statement if !contains(["WriteOwnLog", "DescribeNetwork", "ManageOwnInterfaces", "NoNetworkFromCode"], statement.Sid) } == {
      Connect = {
        Sid      = "Connect"
        Effect   = "Allow"
        Action   = ["kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"]
        Resource = ["arn:aws:kafka:eu-central-1:111122223333:cluster/headwater-dev/11111111-2222-3333-4444-555555555555-1"]
      }
      Produce = {
        Sid      = "Produce"
        Effect   = "Allow"
        Action   = ["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"]
        Resource = ["arn:aws:kafka:eu-central-1:111122223333:topic/headwater-dev/11111111-2222-3333-4444-555555555555-1/telemetry-v1"]
      }
      ReadToken = {
        Sid      = "ReadToken"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = ["arn:aws:secretsmanager:eu-central-1:111122223333:secret:headwater-dev-telemetry-gateway/token-AbCdEf"]
      }
    }
    error_message = "telemetry-gateway writes to one topic and reads one secret."
  }

  assert {
    condition     = output.telemetry_token_secret == "arn:aws:secretsmanager:eu-central-1:111122223333:secret:headwater-dev-telemetry-gateway/token-AbCdEf"
    error_message = "The token's secret is an output."
  }

  assert {
    condition = one([for schedule in output.schedules : schedule if schedule.function_name == "headwater-dev-schema-migrator"]) == {
      name          = "headwater-dev-schema-migrator"
      group         = "default"
      expression    = "rate(1 day)"
      time_zone     = "UTC"
      enabled       = true
      function_name = "headwater-dev-schema-migrator"
    }
    error_message = "schema-migrator has a schedule that creates and drops partitions."
  }

  assert {
    condition     = jsondecode(module.lanes.policies["schema-migrator-schedule"]).Statement[*].Sid == ["Invoke"]
    error_message = "Scheduler may only invoke schema-migrator."
  }

  assert {
    condition     = module.lanes.environments["schema-migrator"].DATABASE_IAM_READER == "headwater_reader"
    error_message = "schema-migrator creates the writer and the reader."
  }

  assert {
    condition     = module.lanes.urls["live-board"].auth == "AWS_IAM"
    error_message = "The board is not public."
  }

  assert {
    condition = { for statement in jsondecode(module.lanes.policies["live-board"]).Statement : statement.Sid => statement.Action if statement.Effect == "Allow" && !contains(["WriteOwnLog", "DescribeNetwork", "ManageOwnInterfaces"], statement.Sid) } == {
      ReadTables       = ["s3:GetObject"]
      ListTables       = ["s3:ListBucket"]
      ReadParked       = ["s3:GetObject"]
      ListParked       = ["s3:ListBucket"]
      ReadLogs         = ["logs:FilterLogEvents"]
      MeasureQueues    = ["sqs:GetQueueAttributes"]
      Connect          = ["kafka-cluster:Connect"]
      DescribeTopics   = ["kafka-cluster:DescribeTopic"]
      DescribeGroups   = ["kafka-cluster:DescribeGroup"]
      SignInToDatabase = ["rds-db:connect"]
    }
    error_message = "The board's role has no write action."
  }

  assert {
    condition = { for statement in jsondecode(module.lanes.policies["live-board"]).Statement : statement.Sid => statement.Resource if startswith(statement.Action[0], "s3:") || startswith(statement.Action[0], "sqs:") || startswith(statement.Action[0], "rds-db:") || startswith(statement.Action[0], "kafka-cluster:") } == {
      ReadTables       = ["arn:aws:s3:::the-lake/env=dv/source=rooms/subsrc=midgar/*"]
      ListTables       = ["arn:aws:s3:::the-lake"]
      ReadParked       = ["arn:aws:s3:::the-parked/parked/*"]
      ListParked       = ["arn:aws:s3:::the-parked"]
      SignInToDatabase = ["arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-ABCDEFGHIJKLMNOP/headwater_reader"]
      Connect          = ["arn:aws:kafka:eu-central-1:111122223333:cluster/headwater-dev/11111111-2222-3333-4444-555555555555-1"]
      DescribeTopics   = [for topic in ["rooms-v1", "telemetry-v1"] : "arn:aws:kafka:eu-central-1:111122223333:topic/headwater-dev/11111111-2222-3333-4444-555555555555-1/${topic}"]
      DescribeGroups   = [for group in ["coldstorage", "reckoning", "diagnostics"] : "arn:aws:kafka:eu-central-1:111122223333:group/headwater-dev/11111111-2222-3333-4444-555555555555-1/${group}"]
      MeasureQueues    = [for queue in ["bucket-ingester", "bucket-ingester-failed", "inbox-etl", "inbox-etl-failed"] : "arn:aws:sqs:eu-central-1:111122223333:headwater-dev-${queue}"]
    }
    error_message = "The board may read only this stack's resources, and signs in as the reader."
  }

  assert {
    condition = { for statement in jsondecode(module.lanes.policies["live-board"]).Statement : statement.Sid => statement.Condition if startswith(statement.Sid, "List") } == {
      ListTables = { StringLikeIfExists = { "s3:prefix" = ["env=dv/source=rooms/subsrc=midgar/*"] } }
      ListParked = { StringLikeIfExists = { "s3:prefix" = ["parked/*"] } }
    }
    error_message = "The board may list only tables and parked records."
  }

  assert {
    condition = toset(one([for statement in jsondecode(module.lanes.policies["live-board"]).Statement : statement.Resource if statement.Sid == "ReadLogs"])) == toset(flatten([
      for name in values(output.functions) : [for end in ["", ":*"] : "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/${name}${end}"]
    ]))
    error_message = "The board may read only the functions' logs."
  }

  assert {
    condition = nonsensitive({ for name, value in module.lanes.environments["live-board"] : name => value if name != "HEADWATER_PIPELINES" }) == {
      HEADWATER_ENVIRONMENT   = "dev"
      LOG_LEVEL               = "warn"
      DATABASE_URL            = "postgres://headwater_reader@headwater-dev.rds.eu-central-1.amazonaws.com:5432/headwater?sslmode=verify-full"
      DATABASE_AUTH           = "iam"
      LAKE_ROOT               = output.lake_root
      PARKED_ROOT             = output.parked_root
      KAFKA_BOOTSTRAP_SERVERS = "b-1.headwater-dev.kafka.eu-central-1.amazonaws.com:9098"
      KAFKA_AUTH              = "msk-iam"
      BOARD_FUNCTIONS         = jsonencode(output.functions)
      BOARD_QUEUES = jsonencode([for function in ["bucket-ingester", "inbox-etl"] : {
        function        = function
        url             = "https://sqs.eu-central-1.amazonaws.com/111122223333/headwater-dev-${function}"
        dead_letter_url = "https://sqs.eu-central-1.amazonaws.com/111122223333/headwater-dev-${function}-failed"
      }])
    }
    error_message = "The board's environment names all parts that it shows."
  }

  assert {
    condition     = module.lanes.environments["live-board"].HEADWATER_PIPELINES == module.lanes.environments["parquet-writer"].HEADWATER_PIPELINES
    error_message = "A document of this size fits into the environment."
  }

  assert {
    condition     = [for pipeline in jsondecode(module.lanes.environments["parquet-writer"].HEADWATER_PIPELINES) : pipeline.topic.name] == ["rooms-v1", "telemetry-v1"]
    error_message = "HEADWATER_PIPELINES is an array of the files' content."
  }

  assert {
    condition     = [for part in jsondecode(module.lanes.environments["parquet-writer"].HEADWATER_PIPELINES)[0].lake.partition_by : part.name] == ["yr", "mo", "dy", "kind"]
    error_message = "The order of the partition columns is preserved."
  }
}

# The longest names that the variables allow, three brokers (the maximum in bootstrap_servers), and the largest inline document.
run "the_board_fits_into_lambdas_4_kb" {
  variables {
    name        = "abcdefghijklmnop"
    environment = "longname"

    forecast         = { base_url = "https://weather.example.com", items = ["3477"] }
    forecast_job_dir = "tests/fixtures/forecast"
    # New generations, because the new name would replace the cluster and the database.
    generation          = 2
    database_generation = 2
  }

  override_resource {
    target = module.kafka.aws_msk_cluster.this
    values = {
      arn                        = "arn:aws:kafka:ap-southeast-2:111122223333:cluster/abcdefghijklmnop-longname/11111111-2222-3333-4444-555555555555-1"
      bootstrap_brokers_sasl_iam = "b-1.abcdefghijklmnoplongname.abc123.c10.kafka.ap-southeast-2.amazonaws.com:9098,b-2.abcdefghijklmnoplongname.abc123.c10.kafka.ap-southeast-2.amazonaws.com:9098,b-3.abcdefghijklmnoplongname.abc123.c10.kafka.ap-southeast-2.amazonaws.com:9098"
    }
  }

  module {
    source = "./environments/aws"
  }

  assert {
    condition     = sum([for name, value in nonsensitive(module.lanes.environments["live-board"]) : length(name) + length(value) if name != "HEADWATER_PIPELINES"]) + length("HEADWATER_PIPELINES") + 1500 < 4000
    error_message = "The environment with the largest inline document must fit into 4 KB."
  }
}

run "a_document_that_is_too_large_only_for_the_board_and_a_custom_schedule" {
  variables {
    pipelines_dir     = "tests/fixtures/medium"
    schema            = { schedule = "cron(5 0 * * ? *)" }
    schedules_enabled = false
    network           = { egress = "endpoints", board_endpoints = false }
  }

  module {
    source = "./environments/aws"
  }

  assert {
    condition     = contains(keys(module.lanes.environments["parquet-writer"]), "HEADWATER_PIPELINES") && !contains(keys(module.lanes.environments["live-board"]), "HEADWATER_PIPELINES")
    error_message = "The board has a lower limit for the document than the other functions."
  }

  assert {
    condition     = can(regex("^s3://.*/config/pipelines\\.json\\?versionId=.+$", module.lanes.environments["live-board"].HEADWATER_PIPELINES_URI))
    error_message = "The board gets the document's address instead."
  }

  assert {
    condition = { for function in ["parquet-writer", "live-board"] : function => contains(jsondecode(module.lanes.policies[function]).Statement[*].Sid, "ReadPipelines") } == {
      parquet-writer = false
      live-board     = true
    }
    error_message = "Only the board may read the object."
  }

  assert {
    condition     = one([for schedule in output.schedules : "${schedule.expression} ${schedule.enabled}" if schedule.function_name == "headwater-dev-schema-migrator"]) == "cron(5 0 * * ? *) false"
    error_message = "Schedule and state of schema-migrator are variables."
  }

  assert {
    condition     = join(" ", module.network.interface_endpoints) == "lambda secretsmanager sts"
    error_message = "Without board_endpoints, there are no endpoints for logs and sqs."
  }
}

run "a_gateway_without_authentication_is_refused" {
  command = plan

  variables {
    telemetry = { auth = "none" }
  }

  module {
    source = "./environments/aws"
  }

  expect_failures = [var.telemetry]
}
