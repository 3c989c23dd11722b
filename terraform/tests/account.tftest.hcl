# Changes of variables do not delete data: network and Kafka are created once and then changed.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "a_network_is_made_in_zones_by_id" {
  variables {
    name = "net"
  }

  module {
    source = "./modules/network"
  }

  assert {
    condition     = aws_subnet.private[*].availability_zone_id == ["euc1-az1", "euc1-az2", "euc1-az3"]
    error_message = "Zones are chosen by id, which means the same zone in every account, in a fixed order."
  }
}

run "a_smaller_default_does_not_take_a_zone_from_a_network" {
  command = plan

  variables {
    name          = "net"
    default_zones = 2
  }

  module {
    source = "./modules/network"
  }

  assert {
    condition     = length(aws_subnet.private) == 3
    error_message = "A network keeps its first zones."
  }
}

run "new_addresses_do_not_replace_a_network" {
  command = plan

  variables {
    name = "net"
    cidr = "10.61.0.0/16"
  }

  module {
    source = "./modules/network"
  }

  expect_failures = [terraform_data.layout]
}

run "another_number_of_zones_does_not_replace_a_network" {
  command = plan

  variables {
    name  = "net"
    zones = 2
  }

  module {
    source = "./modules/network"
  }

  expect_failures = [terraform_data.layout]
}

run "a_zone_that_aws_adds_changes_nothing" {
  command = plan

  variables {
    name = "net"
  }

  override_data {
    target = data.aws_availability_zones.available[0]
    values = { zone_ids = ["euc1-az0", "euc1-az1", "euc1-az2", "euc1-az3"] }
  }

  module {
    source = "./modules/network"
  }

  assert {
    condition     = aws_subnet.private[*].availability_zone_id == ["euc1-az1", "euc1-az2", "euc1-az3"]
    error_message = "The subnets stay where they are."
  }
}

run "a_region_with_two_zones_has_two_subnets" {
  command   = plan
  state_key = "two-zones"

  variables {
    name = "net"
    cidr = "10.61.0.0/16"
  }

  override_data {
    target = data.aws_availability_zones.available[0]
    values = { zone_ids = ["usw1-az3", "usw1-az1"] }
  }

  module {
    source = "./modules/network"
  }

  assert {
    condition     = aws_vpc.this[0].cidr_block == "10.61.0.0/16" && aws_subnet.private[*].availability_zone_id == ["usw1-az1", "usw1-az3"]
    error_message = "The network uses the two zones of us-west-1."
  }

  assert {
    condition     = data.aws_availability_zones.available[0].exclude_zone_ids == toset(["use1-az3"])
    error_message = "MSK has no brokers in use1-az3."
  }
}

run "a_cluster_is_made" {
  variables {
    name       = "main"
    subnet_ids = ["subnet-2", "subnet-1", "subnet-3"]
    cluster    = { instance_type = "kafka.m7g.large" }
  }

  module {
    source = "./modules/kafka"
  }

  assert {
    condition     = endswith(aws_msk_cluster.this[0].kafka_version, ".kraft") && aws_msk_configuration.this[0].kafka_versions == null
    error_message = "The cluster uses KRaft, and its configuration has no kafka_versions."
  }
}

run "an_upgrade_and_another_order_of_subnets_are_in_place" {
  command = plan

  variables {
    name       = "main"
    subnet_ids = ["subnet-3", "subnet-1", "subnet-2"]
    cluster    = { kafka_version = "4.1.x.kraft", instance_type = "kafka.m7g.large" }
  }

  module {
    source = "./modules/kafka"
  }

  assert {
    condition     = aws_msk_cluster.this[0].kafka_version == "4.1.x.kraft" && aws_msk_cluster.this[0].broker_node_group_info[0].client_subnets == toset(["subnet-1", "subnet-2", "subnet-3"])
    error_message = "Only the version changes."
  }

  assert {
    condition     = aws_msk_configuration.this[0].name == "main-brokers" && aws_msk_configuration.this[0].kafka_versions == null
    error_message = "The configuration does not change with the version."
  }
}

run "other_subnets_do_not_replace_a_cluster" {
  command = plan

  variables {
    name       = "main"
    subnet_ids = ["subnet-1", "subnet-2", "subnet-4"]
  }

  module {
    source = "./modules/kafka"
  }

  expect_failures = [terraform_data.placement]
}

run "a_version_without_kraft_does_not_replace_a_cluster" {
  command = plan

  variables {
    name       = "main"
    subnet_ids = ["subnet-1", "subnet-2", "subnet-3"]
    cluster    = { kafka_version = "3.9.x" }
  }

  module {
    source = "./modules/kafka"
  }

  expect_failures = [terraform_data.placement]
}

run "a_new_generation_takes_the_new_subnets" {
  command = plan

  variables {
    name       = "main"
    subnet_ids = ["subnet-1", "subnet-2", "subnet-4"]
    generation = 2
  }

  module {
    source = "./modules/kafka"
  }

  assert {
    condition     = aws_msk_cluster.this[0].broker_node_group_info[0].client_subnets == toset(["subnet-1", "subnet-2", "subnet-4"])
    error_message = "A new generation allows new subnets."
  }
}

run "with_many_brokers_the_bootstrap_servers_are_always_the_same_three" {
  variables {
    name       = "big"
    subnet_ids = ["subnet-1", "subnet-2", "subnet-3"]
    cluster    = { brokers = 6 }
    alarms     = { topic_arns = ["arn:aws:sns:eu-central-1:111122223333:alarms"] }
    generation = 3
  }

  override_data {
    target = data.aws_msk_broker_nodes.this[0]
    values = {
      node_info_list = [
        { broker_id = 3, endpoints = ["b-3.big"] }, { broker_id = 10, endpoints = ["b-10.big"] }, { broker_id = 2, endpoints = ["b-2.big"] },
        { broker_id = 1, endpoints = ["b-1.big"] }, { broker_id = 5, endpoints = ["b-5.big"] }, { broker_id = 4, endpoints = ["b-4.big"] },
      ]
    }
  }

  module {
    source = "./modules/kafka"
  }

  assert {
    condition     = output.connection.bootstrap_servers == "b-1.big:9098,b-2.big:9098,b-3.big:9098"
    error_message = "The bootstrap servers must be stable: MSK returns three random brokers, which would change the functions in every plan."
  }

  assert {
    condition     = aws_msk_cluster.this[0].enhanced_monitoring == "DEFAULT" && aws_msk_cluster.this[0].kafka_version == "3.9.x"
    error_message = "Monitoring has the free level, and the Kafka version is the one for the smallest broker."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.disk) == 6 && length(aws_cloudwatch_metric_alarm.cpu) == 6 && length(aws_cloudwatch_metric_alarm.under_replicated) == 6 && length(aws_cloudwatch_metric_alarm.offline) == 1
    error_message = "Every broker has its alarms."
  }

  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.disk), values(aws_cloudwatch_metric_alarm.cpu), values(aws_cloudwatch_metric_alarm.under_replicated), aws_cloudwatch_metric_alarm.offline) :
      alarm.alarm_actions == toset(["arn:aws:sns:eu-central-1:111122223333:alarms"])
    ])
    error_message = "The alarms notify the SNS topic."
  }

  assert {
    condition     = aws_appautoscaling_target.volume[0].max_capacity == 500 && aws_appautoscaling_policy.volume[0].target_tracking_scaling_policy_configuration[0].disable_scale_in
    error_message = "Volumes grow before they are full."
  }
}

run "a_larger_broker_does_not_change_the_version" {
  command = plan

  variables {
    name       = "big"
    subnet_ids = ["subnet-1", "subnet-2", "subnet-3"]
    cluster    = { instance_type = "kafka.m7g.large" }
    generation = 3
  }

  module {
    source = "./modules/kafka"
  }

  assert {
    condition     = aws_msk_cluster.this[0].kafka_version == "3.9.x" && aws_msk_cluster.this[0].broker_node_group_info[0].instance_type == "kafka.m7g.large"
    error_message = "Only an explicit version upgrades a cluster."
  }
}

run "settings_that_msk_rejects_are_refused" {
  command = plan

  variables {
    name       = "a_name"
    subnet_ids = ["subnet-1", "subnet-2", "subnet-3"]
    cluster    = { monitoring = "ALL", kafka_version = "newest" }
  }

  module {
    source = "./modules/kafka"
  }

  expect_failures = [var.name, var.cluster]
}

run "the_smallest_broker_with_kraft_is_refused" {
  command = plan

  variables {
    name       = "small"
    subnet_ids = ["subnet-1", "subnet-2", "subnet-3"]
    cluster    = { kafka_version = "3.9.x.kraft" }
    generation = 4
  }

  module {
    source = "./modules/kafka"
  }

  expect_failures = [aws_msk_cluster.this]
}

run "zones_that_msk_does_not_support_are_refused" {
  command = plan

  variables {
    name     = "other"
    zone_ids = ["use1-az3", "use1-az1"]
    zones    = 4
  }

  module {
    source = "./modules/network"
  }

  expect_failures = [var.zones, var.zone_ids]
}

# Every bucket's name is checked against S3's limit of 63 characters, so a plan with longer names fails.
run "production_is_larger_survives_a_zone_and_fits_the_longest_names" {
  command = plan

  variables {
    region        = "ap-southeast-7"
    artifacts_dir = "tests/fixtures/not-built"
    name          = "sixteen-letters1"
    environment   = "staging8"
    profile       = "prod"
    alarm_emails  = ["on-call@example.com"]
    encryption    = { customer_key = true }
    kafka         = { volume_gb = 300 }
    database      = { backup_days = 30 }

    forecast         = { base_url = "https://weather.example.com", items = ["3477"] }
    forecast_job_dir = "tests/fixtures/forecast"
  }

  override_data {
    target = module.observability.data.aws_region.current
    values = { name = "ap-southeast-7" }
  }

  module {
    source = "./environments/aws"
  }

  assert {
    condition     = length(module.host) == 1 && join(" ", module.network.interface_endpoints) == "lambda logs secretsmanager sqs ssm ssmmessages sts"
    error_message = "There is a host, and it has the endpoints that it needs without internet access."
  }

  assert {
    condition     = length(local.name) == 25 && length(module.observability.dashboard) == 40 && length("${module.observability.dashboard}-alarms") <= 64
    error_message = "The longest names of regions have 14 characters (us-gov-west-1 has 13)."
  }

  assert {
    condition     = max([for name in [output.media_bucket, output.inbox_bucket, output.forecast.raw_bucket, module.lake.lake.bucket, module.lake.parked.bucket] : length(name)]...) == 60
    error_message = "Three characters are left in the name of a bucket."
  }

  assert {
    condition     = local.nat_per_zone && length(module.network.nat_public_ips) == 0
    error_message = "nat_per_zone is true, but the profile's egress has no gateways."
  }

  assert {
    condition     = local.budget.monthly_usd == 1200 && !local.budget.by_tag
    error_message = "The profile has a budget for all costs of the account."
  }

  # The key's ARN is unknown in this plan, but it is known not to be null.
  assert {
    condition     = local.key_arn != null && local.kafka.kms_key_arn != null && local.database.kms_key_arn != null
    error_message = "Kafka and the database use the created key."
  }

  assert {
    condition     = local.kafka.instance_type == "kafka.m7g.large" && local.kafka.volume_gb == 300 && local.database.multi_az && local.database.class == "db.m7g.large" && local.database.backup_days == 30
    error_message = "Explicit settings override the profile's values."
  }

  assert {
    condition     = !contains(keys(output.functions), "rooms-generator") && length(local.busy_topics) == 0
    error_message = "In production, rooms_generator is off and its topic is not in busy_topics."
  }

  assert {
    condition     = local.sizes.telemetry_gateway.reserved_concurrency == 50 && local.sizes.live_board.reserved_concurrency == 5
    error_message = "The functions with a public URL have reserved concurrency."
  }
}

run "buckets_with_data_are_not_deleted_in_production" {
  command = plan

  variables {
    region        = "eu-central-1"
    artifacts_dir = "tests/fixtures/not-built"
    profile       = "prod"
    alarm_emails  = ["on-call@example.com"]
    name          = "double--hyphen"
    force_destroy = true
    sizes         = { live_board = { reserved_concurrency = 950 } }
    tags          = { project = "ours" }
  }

  module {
    source = "./environments/aws"
  }

  expect_failures = [var.force_destroy, var.name, var.tags, data.aws_servicequotas_service_quota.concurrency]
}

run "alarms_without_a_recipient_and_invalid_keys_are_refused" {
  command = plan

  variables {
    region        = "eu-central-1"
    artifacts_dir = "tests/fixtures/not-built"
    environment   = "prod"
    force_destroy = true
    network       = { nat_per_zone = true }
    encryption    = { kms_key_arn = "arn:aws:kms:us-east-1:111122223333:alias/ours" }
  }

  module {
    source = "./environments/aws"
  }

  expect_failures = [var.force_destroy, var.alarm_emails, var.network, var.encryption]
}
