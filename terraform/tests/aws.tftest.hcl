# The AWS environment as a whole, with the repository's own pipeline files.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  region        = "eu-central-1"
  artifacts_dir = "tests/fixtures/not-built"
  alarm_emails  = ["on-call@example.com"]

  forecast         = { base_url = "https://weather.example.com", items = ["3477"] }
  forecast_job_dir = "tests/fixtures/forecast"
  # The guard refuses the destroy at the end of a test otherwise.
  allow_destroy = true
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
  target = module.lanes.module.media_bucket[0].aws_s3_bucket.this
  values = { arn = "arn:aws:s3:::the-media" }
}

override_resource {
  target = module.lanes.module.inbox_bucket[0].aws_s3_bucket.this
  values = { arn = "arn:aws:s3:::the-inbox" }
}

run "everything" {
  module {
    source = "./environments/aws"
  }

  assert {
    condition = alltrue(flatten([
      for policy in values(module.lanes.policies) : [
        for statement in jsondecode(policy).Statement :
        startswith(statement.Sid, "Describe") || statement.Effect == "Deny" || !contains(statement.Resource, "*")
      ]
    ]))
    error_message = "Only EC2's Describe actions may be allowed on all resources."
  }

  assert {
    condition = alltrue(flatten([
      for policy in values(module.lanes.policies) : [
        for statement in jsondecode(policy).Statement : [for action in statement.Action : !strcontains(action, "*")]
      ]
    ]))
    error_message = "No action contains a wildcard."
  }

  assert {
    condition = !anytrue(flatten([
      for function in ["parquet-writer", "totals-upserter", "table-writer", "schema-migrator", "rooms-generator", "telemetry-gateway", "live-board"] : [
        for statement in jsondecode(module.lanes.policies[function]).Statement : [for action in statement.Action : strcontains(lower(action), "delete") && startswith(action, "s3:")]
      ]
    ]))
    error_message = "No function over Kafka may delete objects."
  }

  assert {
    condition = alltrue(flatten([
      for function in ["bucket-ingester", "inbox-etl"] : [
        for statement in jsondecode(module.lanes.policies[function]).Statement :
        statement.Resource == ["arn:aws:s3:::the-parked/parked/${function}/*"] if contains(statement.Action, "s3:DeleteObject") || contains(statement.Action, "s3:PutObject")
      ]
    ]))
    error_message = "A lane over objects writes and deletes in its own folder of the parked bucket, and never in its source."
  }

  assert {
    condition = { for statement in jsondecode(module.lanes.policies["bucket-ingester"]).Statement : statement.Sid => statement if startswith(statement.Action[0], "s3:") } == {
      ReadMedia   = { Sid = "ReadMedia", Effect = "Allow", Action = ["s3:GetObject"], Resource = ["arn:aws:s3:::the-media/*"] }
      ListMedia   = { Sid = "ListMedia", Effect = "Allow", Action = ["s3:ListBucket"], Resource = ["arn:aws:s3:::the-media"] }
      ParkRecords = { Sid = "ParkRecords", Effect = "Allow", Action = ["s3:PutObject", "s3:DeleteObject"], Resource = ["arn:aws:s3:::the-parked/parked/bucket-ingester/*"] }
      ListParked = {
        Sid       = "ListParked"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = ["arn:aws:s3:::the-parked"]
        Condition = { StringLikeIfExists = { "s3:prefix" = ["parked/bucket-ingester/*"] } }
      }
    }
    error_message = "In S3, bucket-ingester may only read the media bucket and park records."
  }

  assert {
    condition = { for statement in jsondecode(module.lanes.policies["inbox-etl"]).Statement : statement.Sid => statement if startswith(statement.Action[0], "s3:") } == {
      ReadInbox = { Sid = "ReadInbox", Effect = "Allow", Action = ["s3:GetObject"], Resource = ["arn:aws:s3:::the-inbox/inbox/*"] }
      ListInbox = {
        Sid       = "ListInbox"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = ["arn:aws:s3:::the-inbox"]
        Condition = { StringLikeIfExists = { "s3:prefix" = ["inbox/*"] } }
      }
      ParkRecords = { Sid = "ParkRecords", Effect = "Allow", Action = ["s3:PutObject", "s3:DeleteObject"], Resource = ["arn:aws:s3:::the-parked/parked/inbox-etl/*"] }
      ListParked = {
        Sid       = "ListParked"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = ["arn:aws:s3:::the-parked"]
        Condition = { StringLikeIfExists = { "s3:prefix" = ["parked/inbox-etl/*"] } }
      }
    }
    error_message = "In S3, inbox-etl may only read its folder of the inbox and park records."
  }

  assert {
    condition = alltrue([
      for function in ["bucket-ingester", "inbox-etl"] :
      one([for statement in jsondecode(module.lanes.policies[function]).Statement : statement.Resource if statement.Sid == "ReadQueue"]) == ["arn:aws:sqs:eu-central-1:111122223333:headwater-dev-${function}"] &&
      one([for statement in jsondecode(module.lanes.policies[function]).Statement : statement.Resource if statement.Sid == "SignInToDatabase"]) == ["arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-ABCDEFGHIJKLMNOP/headwater_writer"]
    ])
    error_message = "Each reads its own queue and signs in to Postgres as the writer."
  }

  assert {
    condition = nonsensitive(module.lanes.environments["bucket-ingester"]) == tomap({
      HEADWATER_ENVIRONMENT = "dev"
      LOG_LEVEL             = "warn"
      MEDIA_SOURCE          = "s3://headwater-dev-media-111122223333-eu-central-1"
      MEDIA_LIST            = "files_list.data"
      DATABASE_URL          = "postgres://headwater_writer@headwater-dev.rds.eu-central-1.amazonaws.com:5432/headwater?sslmode=verify-full"
      DATABASE_AUTH         = "iam"
      PARKED_ROOT           = "s3://headwater-dev-parked-111122223333-eu-central-1/parked"
    })
    error_message = "bucket-ingester's environment has its source and no password."
  }

  assert {
    condition = nonsensitive(module.lanes.environments["inbox-etl"]) == tomap({
      HEADWATER_ENVIRONMENT = "dev"
      LOG_LEVEL             = "warn"
      INBOX_ROOT            = "s3://headwater-dev-inbox-111122223333-eu-central-1/inbox"
      DATABASE_URL          = "postgres://headwater_writer@headwater-dev.rds.eu-central-1.amazonaws.com:5432/headwater?sslmode=verify-full"
      DATABASE_AUTH         = "iam"
      PARKED_ROOT           = "s3://headwater-dev-parked-111122223333-eu-central-1/parked"
    })
    error_message = "inbox-etl's environment has its source and no password."
  }

  assert {
    condition     = [for queue in output.queues : queue.dead_letter_name] == ["headwater-dev-bucket-ingester-failed", "headwater-dev-inbox-etl-failed"]
    error_message = "Messages that failed too often go to a dead-letter queue, which is an output."
  }

  assert {
    condition = one([
      for statement in jsondecode(module.lanes.policies["parquet-writer"]).Statement : statement.Resource if statement.Sid == "AppendToTables"
    ]) == ["arn:aws:s3:::the-lake/env=dv/source=rooms/subsrc=midgar/*"]
    error_message = "parquet-writer writes below its tables' paths only."
  }

  assert {
    condition = one([
      for statement in jsondecode(module.lanes.policies["parquet-writer"]).Statement : statement.Condition if statement.Sid == "ListTables"
    ]) == { StringLikeIfExists = { "s3:prefix" = ["env=dv/source=rooms/subsrc=midgar/*"] } }
    error_message = "parquet-writer lists its tables only."
  }

  assert {
    condition = alltrue([
      for function in ["parquet-writer", "totals-upserter", "table-writer"] : one([
        for statement in jsondecode(module.lanes.policies[function]).Statement : statement.Resource if statement.Sid == "ParkRecords"
      ]) == ["arn:aws:s3:::the-parked/parked/${function}/*"]
    ])
    error_message = "A lane parks records in its own folder only."
  }

  assert {
    condition = one([
      for statement in jsondecode(module.lanes.policies["totals-upserter"]).Statement : statement.Resource if statement.Sid == "SignInToDatabase"
    ]) == ["arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-ABCDEFGHIJKLMNOP/headwater_writer"]
    error_message = "totals-upserter may sign in only as the writer of this instance."
  }

  assert {
    condition = one([
      for statement in jsondecode(module.lanes.policies["totals-upserter"]).Statement : statement.Resource if statement.Sid == "ReadTopics"
    ]) == ["arn:aws:kafka:eu-central-1:111122223333:topic/headwater-dev/11111111-2222-3333-4444-555555555555-1/rooms-v1"]
    error_message = "A mapping's role reads its own topics only."
  }

  assert {
    condition = one([
      for statement in jsondecode(module.lanes.policies["parquet-writer"]).Statement : statement.Resource if statement.Sid == "CommitInGroups"
    ]) == ["arn:aws:kafka:eu-central-1:111122223333:group/headwater-dev/11111111-2222-3333-4444-555555555555-1/coldstorage"]
    error_message = "A mapping's role commits in its own group only."
  }

  assert {
    condition     = alltrue([for mapping in output.event_source_mappings : length(mapping.consumer_group) > 0 && mapping.starting_position == "TRIM_HORIZON"])
    error_message = "Every mapping pins its consumer group and begins at the oldest record."
  }

  assert {
    condition     = length(module.lanes.mapping_ids["parquet-writer"]) == 1 && length(module.lanes.mapping_ids["totals-upserter"]) == 1
    error_message = "In AWS the mappings are created."
  }

  assert {
    condition     = alltrue(values(module.lake.public_access_blocked))
    error_message = "All buckets block public access."
  }

  assert {
    condition     = !module.warehouse.security.public && module.warehouse.security.encrypted && module.warehouse.security.iam && module.warehouse.security.force_ssl == "1"
    error_message = "Postgres is private, encrypted, and requires TLS and IAM."
  }

  assert {
    condition = module.kafka.security == {
      iam             = true
      unauthenticated = false
      client_broker   = "TLS"
      in_cluster      = true
      public_access   = "DISABLED"
    }
    error_message = "Kafka accepts only IAM over TLS from inside the network."
  }

  assert {
    condition     = module.lanes.environments["totals-upserter"].DATABASE_AUTH == "iam" && !strcontains(nonsensitive(module.lanes.environments["totals-upserter"].DATABASE_URL), "headwater_admin")
    error_message = "Writers have no password and are not the administrator."
  }

  assert {
    condition     = endswith(nonsensitive(module.lanes.environments["totals-upserter"].DATABASE_URL), "/headwater?sslmode=verify-full")
    error_message = "The database's certificate is verified."
  }

  assert {
    condition     = startswith(module.lanes.environments["schema-migrator"].DATABASE_AUTH, "secret:arn:aws:secretsmanager:") && module.lanes.environments["schema-migrator"].DATABASE_IAM_USER == "headwater_writer"
    error_message = "The migrator signs in as the administrator, and creates the writer."
  }

  assert {
    condition     = module.lanes.environments["parquet-writer"].PARTIAL_BATCH_RESPONSE == "false"
    error_message = "On-demand mappings ignore partial responses, so the function must fail as a whole."
  }

  assert {
    condition     = length(module.network.interface_endpoints) == 0 && length(output.nat_public_ips) == 1 && length(output.subnet_ids) == 2
    error_message = "In profile dev, the egress is a NAT instance for two zones."
  }

  assert {
    condition     = one([for statement in jsondecode(module.lanes.policies["rooms-generator"]).Statement : statement.Resource if statement.Sid == "KeepFailedInvocations"]) == ["arn:aws:sqs:eu-central-1:111122223333:headwater-dev-rooms-generator-failed"]
    error_message = "Failed invocations of a schedule are kept in a queue."
  }

  assert {
    condition = (
      output.forecast.function_name == "headwater-dev-forecast-fetcher" && output.forecast.schedule == "headwater-dev-forecast" && output.forecast.activity_arn == null &&
      output.forecast.raw_root == "s3://headwater-dev-raw-111122223333-eu-central-1/raw/clima_tempo/forecast_72/"
    )
    error_message = "With an API, the forecast lane is created."
  }

  assert {
    condition = (
      contains(one([for statement in jsondecode(module.lanes.policies["live-board"]).Statement : statement.Resource if statement.Sid == "ReadTables"]), "arn:aws:s3:::the-lake/forecast_72/*") &&
      !anytrue([for statement in jsondecode(module.lanes.policies["parquet-writer"]).Statement : strcontains(jsonencode(statement.Resource), "forecast_72")])
    )
    error_message = "The board reads the forecast's table, and no function writes to it."
  }

  assert {
    condition     = module.lake.table_names == toset(["forecast_72", "rooms_v1"])
    error_message = "Athena finds the topics' tables and the forecast's."
  }

  assert {
    condition     = output.functions["parquet-writer"] == "headwater-dev-parquet-writer"
    error_message = "In AWS all names begin with the deployment's name."
  }

  assert {
    condition     = length(module.host) == 0 && output.host == null && !contains(module.network.interface_endpoints, "ssm")
    error_message = "Profile dev has no host."
  }

  assert {
    condition     = toset([for mapping in output.event_source_mappings : "${mapping.function_name} ${mapping.window_seconds}"]) == toset(["headwater-dev-parquet-writer 60", "headwater-dev-totals-upserter 10", "headwater-dev-table-writer 10"])
    error_message = "Default windows: one file per minute in the lake, and totals every ten seconds."
  }
}

run "with_an_existing_kafka_and_postgres" {
  variables {
    existing_kafka        = { cluster_arn = "arn:aws:kafka:eu-central-1:111122223333:cluster/theirs/99999999-2222-3333-4444-555555555555-2" }
    existing_database     = { auth = "secret", secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:theirs-AbCdEf" }
    existing_database_url = "postgres://app:the-password@db.example.com:5432/shop"
    network = {
      existing          = { vpc_id = "vpc-1", subnet_ids = ["subnet-1", "subnet-2"] }
      existing_services = { kafka = { security_group_id = "sg-1", port = 9098 }, database = { security_group_id = "sg-2", port = 5432 } }
    }
    forecast = null
    host     = { enabled = true, stop_schedule = "cron(0 20 * * ? *)", start_schedule = "cron(0 6 * * ? *)" }
  }

  # A new account.
  override_data {
    target = data.aws_servicequotas_service_quota.concurrency
    values = { value = 10 }
  }

  module {
    source = "./environments/aws"
  }

  assert {
    condition     = module.kafka.security == null && module.warehouse.security == null && module.network.vpc_id == "vpc-1"
    error_message = "No cluster and no database is created if one exists."
  }

  assert {
    condition     = output.forecast == null && output.forecast_token_secret == null && !contains(keys(output.functions), "forecast-fetcher") && !contains(output.schedules[*].function_name, "headwater-dev-forecast")
    error_message = "Without an API there is no forecast lane."
  }

  assert {
    condition     = local.sizes.telemetry_gateway.reserved_concurrency == -1 && local.sizes.live_board.reserved_concurrency == -1
    error_message = "A new account's quota allows no reservation, so the first apply makes none."
  }

  assert {
    condition     = local.busy_topics == tolist(["rooms-v1"])
    error_message = "While the generator runs, its topic is expected to have records."
  }

  assert {
    condition     = output.kafka_bootstrap_servers == "b-1.looked-up.kafka.eu-central-1.amazonaws.com:9098"
    error_message = "The brokers are looked up by the cluster's ARN."
  }

  assert {
    condition     = nonsensitive(output.database_url) == "postgres://app@db.example.com:5432/shop"
    error_message = "The brokers' addresses are passed on unchanged."
  }

  assert {
    condition = one([
      for statement in jsondecode(module.lanes.policies["totals-upserter"]).Statement : statement.Resource if statement.Sid == "ReadDatabaseSecret"
    ]) == ["arn:aws:secretsmanager:eu-central-1:111122223333:secret:theirs-AbCdEf"]
    error_message = "Writers read only the owner's secret."
  }

  assert {
    condition = one([
      for statement in jsondecode(module.lanes.policies["parquet-writer"]).Statement : statement.Resource if statement.Sid == "ReadTopics"
    ]) == ["arn:aws:kafka:eu-central-1:111122223333:topic/theirs/99999999-2222-3333-4444-555555555555-2/rooms-v1"]
    error_message = "Permissions name the owner's cluster."
  }

  assert {
    condition     = output.host_security_group_id == module.network.security_group_ids["host"] && strcontains(output.host.connect, output.host.instance_id)
    error_message = "The outputs have the security groups to admit and the addresses for operators."
  }

  # Each output that the headwater command reads, as `terraform output -json` prints it.
  assert {
    condition = { for name, output in jsondecode(nonsensitive(module.host[0].objects["stack.json"])) : name => jsonencode(output.value) } == { for name, value in {
      event_source_mappings   = output.event_source_mappings, mapping_ids = output.mapping_ids, region = output.region, pipelines = output.pipelines, topics = output.topics, lake_root = output.lake_root, parked_root = output.parked_root, functions = output.functions,
      live_versions           = output.live_versions, schedules = output.schedules, queues = output.queues, media_bucket = output.media_bucket, inbox_bucket = output.inbox_bucket, urls = output.urls,
      telemetry_token_secret  = output.telemetry_token_secret, forecast = output.forecast, forecast_token_secret = output.forecast_token_secret, athena_database = output.athena_database,
      kafka_bootstrap_servers = output.kafka_bootstrap_servers, kafka_auth = output.kafka_auth, kafka_cluster_arn = output.kafka_cluster_arn, database_reader = output.database_reader, database_url = output.database_url, dashboard = output.dashboard,
    } : name => jsonencode(value) }
    error_message = "The host's stack file has the same values as the outputs."
  }

  assert {
    condition     = !anytrue([for content in values(module.host[0].objects) : strcontains(nonsensitive(content), "the-password")])
    error_message = "No password reaches the host's files."
  }

  assert {
    condition = one([for statement in jsondecode(module.host[0].policies["host"]).Statement : statement.Resource if statement.Sid == "ReadTopics"]) == [
      for topic in output.topics : "arn:aws:kafka:eu-central-1:111122223333:topic/theirs/99999999-2222-3333-4444-555555555555-2/${topic.name}"
    ]
    error_message = "Operators read the topics of this stack in the owner's cluster."
  }

  assert {
    condition = alltrue(flatten([for statement in jsondecode(module.host[0].policies["host"]).Statement : [
      for action in statement.Action : !strcontains(action, "*") && (!contains(statement.Resource, "*") || statement.Sid == "OpenSessionsAndReportPatches")
    ]]))
    error_message = "No action of the host contains a wildcard, and resources are named if AWS supports them."
  }
}
