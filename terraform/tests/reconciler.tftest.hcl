# Certificates: permissions, schedule and alarms of reconciler.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name_prefix   = "shop"
  environment   = "test"
  artifacts_dir = "tests/fixtures/not-built"
  bucket_prefix = "shop"
  architecture  = "arm64"
  alarms        = { topic_arns = ["arn:aws:sns:eu-central-1:111122223333:alarms"] }
  lake          = { root = "s3://lake", bucket = "lake", bucket_arn = "arn:aws:s3:::lake", tables = { rooms-v1 = "rooms" } }
  parked        = { root = "s3://parked/parked", bucket = "parked", bucket_arn = "arn:aws:s3:::parked" }

  pipelines = {
    json            = "[]"
    topics          = [{ name = "rooms-v1" }]
    lake_mappings   = []
    totals_mappings = []
    table_mappings  = []
  }
  kafka = {
    bootstrap_servers = "b-1.example.com:9098"
    auth              = "msk-iam"
    cluster_arn       = "arn:aws:kafka:eu-central-1:111122223333:cluster/shop/1234"
    cluster_name      = "shop"
  }
  warehouse = {
    administrator = { url = "postgres://admin@db.example.com/shop", auth = "url", statements = [] }
    writer        = { url = "postgres://app@db.example.com/shop", auth = "url", statements = [] }
    reader        = { url = "postgres://reader@db.example.com/shop", auth = "url", statements = [] }
  }
}

run "it_reads_records_without_a_group_changes_no_sink_and_a_failed_or_late_certificate_raises_an_alarm" {
  module {
    source = "./modules/lanes"
  }

  assert {
    condition = { for statement in jsondecode(output.policies["reconciler"]).Statement : statement.Sid => [statement.Action, statement.Resource] if contains(["ReadTables", "ListTables", "ReadParked", "ListParked", "Connect", "ReadTopics", "DescribeGroups"], statement.Sid) } == {
      ReadTables = [["s3:GetObject"], ["arn:aws:s3:::lake/rooms/*"]]
      ListTables = [["s3:ListBucket"], ["arn:aws:s3:::lake"]]
      ReadParked = [["s3:GetObject"], ["arn:aws:s3:::parked/parked/*"]]
      ListParked = [["s3:ListBucket"], ["arn:aws:s3:::parked"]]
      Connect    = [["kafka-cluster:Connect"], ["arn:aws:kafka:eu-central-1:111122223333:cluster/shop/1234"]]
      ReadTopics = [["kafka-cluster:DescribeTopic", "kafka-cluster:DescribeTopicDynamicConfiguration", "kafka-cluster:ReadData"], ["arn:aws:kafka:eu-central-1:111122223333:topic/shop/1234/rooms-v1"]]
    }
    error_message = "reconciler may describe the lanes' groups, but neither join them nor commit for them. Here there are no groups."
  }

  assert {
    condition     = one([for schedule in output.schedules : schedule.expression if schedule.function_name == "shop-reconciler"]) == "rate(1 hour)"
    error_message = "reconciler runs every hour."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.scheduled["certificate-failed"].alarm_name == "shop-reconciler-certificate-failed" &&
      aws_cloudwatch_metric_alarm.scheduled["certificate-failed"].metric_name == "CertificatesFailed" &&
      aws_cloudwatch_metric_alarm.scheduled["certificate-failed"].threshold == 0 &&
      aws_cloudwatch_metric_alarm.scheduled["certificate-failed"].evaluation_periods == 1
    )
    error_message = "A single failed certificate raises the alarm."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.scheduled["certificate-late"].metric_name == "OldestUncertifiedSeconds" &&
      aws_cloudwatch_metric_alarm.scheduled["certificate-late"].period * aws_cloudwatch_metric_alarm.scheduled["certificate-late"].evaluation_periods == 10800 &&
      aws_cloudwatch_metric_alarm.scheduled["certificate-late"].treat_missing_data == "breaching"
    )
    error_message = "The alarm goes off after three hours without a certificate, or without a run."
  }
}
