# The order of a deployment: the new migrator's version runs first, and what serves moves after it.

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
  kafka         = { bootstrap_servers = "127.0.0.1:9092", auth = "plaintext", topics_ready = ["TOPICS"] }
  lake          = { root = "s3://lake", bucket = "lake", bucket_arn = "arn:aws:s3:::lake", tables = { rooms = "a/rooms" } }
  parked        = { root = "s3://parked/parked", bucket = "parked", bucket_arn = "arn:aws:s3:::parked" }

  warehouse = {
    administrator = { url = "postgres://admin@db.example.com/shop", auth = "url", statements = [] }
    writer        = { url = "postgres://app@db.example.com/shop", auth = "url", statements = [] }
    reader        = { url = "postgres://app@db.example.com/shop", auth = "url", statements = [] }
  }
}

override_resource {
  target = aws_lambda_invocation.migrate
  values = { result = "MIGRATED" }
}

override_resource {
  target = module.schema_migrator.aws_lambda_function.this
  values = { version = "42", arn = "arn:aws:lambda:eu-central-1:111122223333:function:some-function" }
}

run "the_new_migrator_runs_before_anything_serves" {
  variables {
    inline_limit_bytes = 1 # so that the document is in S3
  }

  module {
    source = "./modules/lanes"
  }

  assert {
    condition     = aws_lambda_invocation.migrate[0].qualifier == "42" && aws_lambda_invocation.migrate[0].lifecycle_scope == "CREATE_ONLY"
    error_message = "The version that was just made migrates, not the one that serves; an invocation that failed must be in no state."
  }

  assert {
    condition     = length(output.serves_after) == 11 && alltrue([for values in values(output.serves_after) : contains(values, "MIGRATED")])
    error_message = "Every alias waits for the migration, the migrator's own too."
  }

  assert {
    condition     = alltrue([for function in ["parquet-writer", "totals-upserter", "table-writer", "rooms-generator", "telemetry-gateway"] : contains(output.serves_after[function], "TOPICS")])
    error_message = "What reads from Kafka or writes to it waits for the topics as well."
  }

  assert {
    condition     = alltrue([for arn in values(output.live_arns) : endswith(arn, ":live")]) && output.live_versions["parquet-writer"] == "7"
    error_message = "What serves is the alias, and it points at a version."
  }

  assert {
    condition = alltrue([
      for function in ["rooms-generator", "bucket-ingester", "inbox-etl", "schema-migrator"] :
      one([for statement in jsondecode(output.policies["${function}-schedule"]).Statement : statement.Resource if statement.Sid == "Invoke"]) == [output.live_arns[function]]
    ])
    error_message = "Schedules invoke what serves."
  }

  assert {
    condition     = can(regex("^s3://shop-deploy/config/pipelines\\.json\\?versionId=.+$", output.environments["table-writer"].HEADWATER_PIPELINES_URI))
    error_message = "A version's environment names one version of the document, which stays."
  }

  assert {
    condition     = one([for statement in jsondecode(output.policies["table-writer"]).Statement : statement if statement.Sid == "ReadPipelines"]).Action == ["s3:GetObject", "s3:GetObjectVersion"]
    error_message = "Old versions of the functions read old versions of it."
  }

  assert {
    condition = { for statement in jsondecode(output.policies["schema-migrator"]).Statement : statement.Sid => statement.Resource if contains(["ReadTableLogs", "ListTableLogs"], statement.Sid) } == {
      ReadTableLogs = ["arn:aws:s3:::lake/a/rooms/_delta_log/*"]
      ListTableLogs = ["arn:aws:s3:::lake"]
    }
    error_message = "The migrator reads the logs of the Delta tables, and no rows."
  }
}

run "a_mapping_feeds_what_serves" {
  variables {
    function       = { name = "writer", code = { bucket = "code", key = "writer.zip" }, memory_mb = 512, timeout_seconds = 60 }
    function_label = "writer"
    cluster_arn    = "arn:aws:kafka:eu-central-1:111122223333:cluster/main/11111111-2222-3333-4444-555555555555-1"
    failed_batches = { bucket = "parked", bucket_arn = "arn:aws:s3:::parked" }
    mappings       = [{ topic = "t", consumer_group = "g" }]
    start_after    = ["MIGRATED"]
  }

  module {
    source = "./modules/kafka_function"
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this["t"].function_name == "arn:aws:lambda:eu-central-1:111122223333:function:some-function:live"
    error_message = "A new version changes no mapping."
  }
}

run "a_url_answers_from_what_serves" {
  variables {
    function = { name = "gateway", code = { bucket = "code", key = "gateway.zip" }, memory_mb = 512, timeout_seconds = 15 }
    auth     = "NONE"
  }

  module {
    source = "./modules/http_function"
  }

  assert {
    condition     = aws_lambda_function_url.this.qualifier == "live" && aws_lambda_permission.url[0].qualifier == "live" && jsondecode(aws_cloudcontrolapi_resource.invoke_by_url[0].desired_state).FunctionName == "gateway:live"
    error_message = "The URL is the alias's, and so is the permission to call it."
  }
}

run "a_function_that_is_held_goes_on_serving_its_version" {
  variables {
    held_versions = { parquet-writer = "3" }
  }

  module {
    source = "./modules/lanes"
  }

  assert {
    condition     = output.live_versions["parquet-writer"] == "3" && output.live_versions["table-writer"] == "7"
    error_message = "`live` stays where it is held, and the others follow."
  }
}

run "the_local_stack_has_no_versions" {
  variables {
    versions          = false
    migrate_at_deploy = false
  }

  module {
    source = "./modules/lanes"
  }

  assert {
    condition     = alltrue([for arn in values(output.live_arns) : arn == "arn:aws:lambda:eu-central-1:111122223333:function:some-function"]) && length(aws_lambda_invocation.migrate) == 0
    error_message = "There a function is invoked by its plain name, and `headwater up` migrates."
  }
}
