# The order of a deployment: the new version of the migrator runs first, and the aliases move after it.

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
    error_message = "The new version migrates, not the live one, and a failed invocation must not be recorded in the state."
  }

  assert {
    condition     = length(output.serves_after) == 11 && alltrue([for values in values(output.serves_after) : contains(values, "MIGRATED")])
    error_message = "Every alias waits for the migration, also the migrator's own."
  }

  assert {
    condition     = alltrue([for function in ["parquet-writer", "totals-upserter", "table-writer", "rooms-generator", "telemetry-gateway"] : contains(output.serves_after[function], "TOPICS")])
    error_message = "Functions that read from Kafka or write to it also wait for the topics."
  }

  assert {
    condition     = alltrue([for arn in values(output.live_arns) : endswith(arn, ":live")]) && output.live_versions["parquet-writer"] == "7"
    error_message = "Functions are invoked through the alias, which points to a version."
  }

  assert {
    condition = alltrue([
      for function in ["rooms-generator", "bucket-ingester", "inbox-etl", "schema-migrator"] :
      one([for statement in jsondecode(output.policies["${function}-schedule"]).Statement : statement.Resource if statement.Sid == "Invoke"]) == [output.live_arns[function]]
    ])
    error_message = "Schedules invoke the alias."
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
    error_message = "The migrator may read only the logs of the Delta tables."
  }
}

run "a_mapping_invokes_the_alias" {
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

run "a_url_belongs_to_the_alias" {
  variables {
    function = { name = "gateway", code = { bucket = "code", key = "gateway.zip" }, memory_mb = 512, timeout_seconds = 15 }
    auth     = "NONE"
  }

  module {
    source = "./modules/http_function"
  }

  assert {
    condition     = aws_lambda_function_url.this.qualifier == "live" && aws_lambda_permission.url[0].qualifier == "live" && jsondecode(aws_cloudcontrolapi_resource.invoke_by_url[0].desired_state).FunctionName == "gateway:live"
    error_message = "The URL and its permission belong to the alias."
  }
}

run "the_alias_of_a_held_function_does_not_move" {
  variables {
    held_versions = { parquet-writer = "3" }
  }

  module {
    source = "./modules/lanes"
  }

  assert {
    condition     = output.live_versions["parquet-writer"] == "3" && output.live_versions["table-writer"] == "7"
    error_message = "`live` of the held function keeps its version, and the others move."
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
    error_message = "Functions have no versions and no alias, and Terraform does not migrate."
  }
}
