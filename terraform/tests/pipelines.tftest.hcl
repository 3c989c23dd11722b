# Each topic is one pipeline file: a second file adds resources without a change of the configuration.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  region        = "eu-central-1"
  artifacts_dir = "tests/fixtures/not-built"
  alarm_emails  = ["on-call@example.com"]

  # The guard refuses the destroy at the end of a test otherwise.
  allow_destroy = true
}

run "two_files_create_their_mappings" {
  variables {
    pipelines_dir = "tests/fixtures/two-topics"
  }

  module {
    source = "./environments/aws"
  }

  assert {
    condition = toset([for mapping in output.event_source_mappings : "${mapping.function_name} ${mapping.topic} ${mapping.consumer_group}"]) == toset([
      "headwater-dev-parquet-writer orders-v1 order-archive",
      "headwater-dev-totals-upserter doors-v1 door-totals",
      "headwater-dev-totals-upserter orders-v1 order-totals",
    ])
    error_message = "Each section of a file is one mapping."
  }

  assert {
    condition     = toset(keys(module.lanes.mapping_ids["totals-upserter"])) == toset(["doors-v1", "orders-v1"])
    error_message = "The mappings are created."
  }

  assert {
    condition = output.topics == [
      { name = "doors-v1", partitions = 2, retention_hours = 24 },
      { name = "orders-v1", partitions = 6, retention_hours = 48 },
    ]
    error_message = "The topics come from the files."
  }

  assert {
    condition = jsonencode(one([for mapping in output.event_source_mappings : mapping if mapping.topic == "doors-v1"])) == jsonencode({
      function_name              = "headwater-dev-totals-upserter"
      topic                      = "doors-v1"
      consumer_group             = "door-totals"
      starting_position          = "TRIM_HORIZON"
      batch_size                 = 10000
      window_seconds             = 10
      partial_batch_response     = false
      bisect                     = false
      maximum_retries            = -1
      maximum_record_age_seconds = -1
      on_failure                 = null
    })
    error_message = "A file without batching has the defaults, and no control that on-demand pollers lack."
  }

  assert {
    condition = jsonencode(one([for mapping in output.event_source_mappings : mapping if mapping.consumer_group == "order-archive"])) == jsonencode({
      function_name              = "headwater-dev-parquet-writer"
      topic                      = "orders-v1"
      consumer_group             = "order-archive"
      starting_position          = "TRIM_HORIZON"
      batch_size                 = 500
      window_seconds             = 5
      partial_batch_response     = true
      bisect                     = true
      maximum_retries            = 4
      maximum_record_age_seconds = -1
      on_failure                 = "${trimsuffix(output.parked_root, "/parked")}/failed/parquet-writer"
    })
    error_message = "The mapping has the batching settings of the file."
  }

  assert {
    condition     = module.lanes.environments["parquet-writer"].PARTIAL_BATCH_RESPONSE == "true"
    error_message = "If every mapping supports partial responses, the function sends them."
  }

  assert {
    condition     = module.lanes.environments["totals-upserter"].PARTIAL_BATCH_RESPONSE == "false"
    error_message = "If one mapping does not support partial responses, any failure must fail the invocation."
  }

  assert {
    condition     = jsonencode(module.lake.lake.tables) == jsonencode({ orders-v1 = "shop/orders" })
    error_message = "Only topics with a lake section have a table."
  }
}

run "a_document_that_is_too_large_goes_to_s3" {
  variables {
    pipelines_dir = "tests/fixtures/large"
  }

  module {
    source = "./environments/aws"
  }

  assert {
    condition = alltrue([
      for function in ["parquet-writer", "totals-upserter", "table-writer", "schema-migrator", "live-board"] :
      can(regex("^s3://headwater-dev-deploy-111122223333-eu-central-1/config/pipelines\\.json\\?versionId=.+$", module.lanes.environments[function].HEADWATER_PIPELINES_URI)) &&
      !contains(keys(module.lanes.environments[function]), "HEADWATER_PIPELINES")
    ])
    error_message = "All functions get the document's address instead."
  }

  assert {
    condition     = length([for statement in jsondecode(module.lanes.policies["schema-migrator"]).Statement : statement if statement.Sid == "ReadPipelines"]) == 1
    error_message = "The functions may read the document."
  }
}

run "two_topics_in_one_table_are_refused" {
  command = plan

  variables {
    name_prefix = "x"
    tables      = { a = "same/place", b = "same/place" }
  }

  module {
    source = "./modules/lake"
  }

  expect_failures = [var.tables]
}

run "a_folder_without_files_is_refused" {
  command = plan

  variables {
    directory = "tests/mocks"
  }

  module {
    source = "./modules/pipelines"
  }

  expect_failures = [var.directory]
}
