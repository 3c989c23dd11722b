# The lanes over objects, where the source is somebody else's.

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

run "existing_buckets" {
  variables {
    media = { bucket = "their-media" }
    inbox = { bucket = "their-inbox", prefix = "drop/events", notifications = true }

    quick_retries = true
  }

  module {
    source = "./modules/lanes"
  }

  assert {
    condition     = length(module.media_bucket) == 0 && length(module.inbox_bucket) == 0 && output.media_bucket == "their-media" && output.inbox_bucket == "their-inbox"
    error_message = "Nothing is made that exists already."
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
    error_message = "The functions read there."
  }

  assert {
    condition     = !module.bucket_ingester.delivery.notified && module.inbox_etl.delivery.notified
    error_message = "An existing bucket's notification configuration is replaced only where its owner says so."
  }

  assert {
    condition     = [for queue in output.queues : queue.name] == ["shop-bucket-ingester", "shop-inbox-etl"]
    error_message = "Both queues are there to be named in a configuration of the owner's."
  }

  assert {
    condition     = module.bucket_ingester.delivery.retry_seconds == 120 && module.inbox_etl.delivery.retry_seconds == 60
    error_message = "On the local stack a message that failed comes back after the function's timeout."
  }
}

run "a_web_address" {
  variables {
    media = { base_url = "https://media.example.com/files", list = "list.txt" }
  }

  module {
    source = "./modules/lanes"
  }

  assert {
    condition     = output.environments["bucket-ingester"].MEDIA_SOURCE == "https://media.example.com/files" && output.environments["bucket-ingester"].MEDIA_LIST == "list.txt"
    error_message = "The address is passed on as it is."
  }

  assert {
    condition     = toset(jsondecode(output.policies["bucket-ingester"]).Statement[*].Sid) == toset(["WriteOwnLog", "ParkRecords", "ListParked"])
    error_message = "No bucket, no permission on one."
  }

  assert {
    condition     = output.media_bucket == null && [for queue in output.queues : queue.name] == ["shop-inbox-etl"]
    error_message = "A web address sends no notifications: the sweep alone feeds the lane."
  }

  assert {
    condition     = module.inbox_etl.delivery.notified && output.inbox_bucket == "shop-inbox"
    error_message = "A bucket that is made here notifies."
  }

  assert {
    condition     = module.inbox_etl.delivery.retry_seconds == 360
    error_message = "In AWS it comes back after six times of it."
  }
}

run "a_bucket_and_an_address_at_once_are_refused" {
  command = plan

  variables {
    media = { bucket = "their-media", base_url = "https://media.example.com" }
  }

  module {
    source = "./modules/lanes"
  }

  expect_failures = [var.media]
}

run "plain_http_is_refused" {
  command = plan

  variables {
    media = { base_url = "http://media.example.com" }
  }

  module {
    source = "./modules/lanes"
  }

  expect_failures = [var.media]
}

run "one_bucket_for_both_is_refused" {
  command = plan

  variables {
    media = { bucket = "theirs" }
    inbox = { bucket = "theirs" }
  }

  module {
    source = "./modules/lanes"
  }

  expect_failures = [var.inbox]
}

run "a_prefix_that_widens_a_permission_is_refused" {
  command = plan

  variables {
    inbox = { prefix = "*" }
  }

  module {
    source = "./modules/lanes"
  }

  expect_failures = [var.inbox]
}
