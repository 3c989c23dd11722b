# Single modules, in cases that the environments do not cover.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "provisioned_pollers_need_no_endpoint_of_lambda" {
  variables {
    name              = "net"
    on_demand_pollers = false
  }

  module {
    source = "./modules/network"
  }

  assert {
    condition     = join(" ", output.interface_endpoints) == "secretsmanager"
    error_message = "Endpoints for lambda and sts exist only for on-demand pollers."
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_internet_gateway.this) == 0
    error_message = "With endpoints there is no internet access."
  }

  assert {
    condition = alltrue([
      for rule in aws_vpc_security_group_ingress_rule.path : rule.cidr_ipv4 == null && rule.from_port == rule.to_port
    ])
    error_message = "Every ingress rule has one source group and one port."
  }
}

run "services_that_functions_call_have_an_endpoint" {
  variables {
    name              = "net"
    on_demand_pollers = false
    services          = ["logs", "sqs"]
    host              = true
    existing_services = { kafka = { security_group_id = "sg-theirs", port = 9098 } }
  }

  module {
    source = "./modules/network"
  }

  assert {
    condition     = join(" ", output.interface_endpoints) == "logs secretsmanager sqs"
    error_message = "Without internet access, each service has an endpoint."
  }

  assert {
    condition     = !anytrue([for rule in aws_vpc_security_group_ingress_rule.path : rule.security_group_id == output.security_group_ids["host"]])
    error_message = "The host's group has no ingress rule."
  }

  assert {
    condition = { for path, rule in aws_vpc_security_group_egress_rule.path : path => rule.from_port if rule.security_group_id == output.security_group_ids["host"] } == {
      host-kafka = 9098, host-database = 5432, host-endpoints = 443
    } && alltrue([for path in ["host-kafka", "host-database", "host-endpoints"] : aws_vpc_security_group_ingress_rule.path[path].referenced_security_group_id == output.security_group_ids["host"]])
    error_message = "The host reaches Kafka, Postgres and the endpoints, and they admit it."
  }

  assert {
    condition     = keys(aws_vpc_security_group_egress_rule.s3) == ["functions", "host", "kafka"] && length(aws_vpc_security_group_egress_rule.https) == 0 && aws_vpc_security_group_egress_rule.existing["host-kafka"].security_group_id == output.security_group_ids["host"]
    error_message = "The host also reaches S3 and an existing Kafka, but not the internet."
  }
}

run "a_nat_gateway_replaces_the_endpoints" {
  variables {
    name   = "net"
    egress = "nat"
  }

  module {
    source = "./modules/network"
  }

  assert {
    condition     = length(output.interface_endpoints) == 0 && length(aws_nat_gateway.this) == 1 && length(aws_vpc_endpoint.s3) == 1
    error_message = "There is one NAT gateway, and S3 keeps its gateway endpoint."
  }

  assert {
    condition     = length(distinct(aws_route_table_association.private[*].route_table_id)) == 1 && aws_subnet.public[*].cidr_block == ["10.60.240.0/20"]
    error_message = "One table of routes for all zones."
  }
}

run "a_nat_instance_serves_all_zones_and_accepts_no_other_traffic" {
  state_key = "nat-instance"

  variables {
    name          = "net"
    egress        = "nat_instance"
    default_zones = 2
    services      = ["logs", "sqs"]
    alarms        = { topic_arns = ["arn:aws:sns:eu-central-1:111122223333:alarms"] }
  }

  module {
    source = "./modules/network"
  }

  assert {
    condition     = length(aws_subnet.private) == 2 && length(aws_nat_gateway.this) == 0 && length(output.interface_endpoints) == 0 && length(aws_vpc_endpoint.s3) == 1
    error_message = "There are two zones, no NAT gateway and no interface endpoint; S3 keeps its gateway endpoint."
  }

  assert {
    condition     = length(aws_route.nat) == 1 && aws_route.nat[0].network_interface_id == aws_network_interface.nat[0].id && aws_route.nat[0].nat_gateway_id == null && length(distinct(aws_route_table_association.private[*].route_table_id)) == 1
    error_message = "The route's target is the network interface, which stays when the instance is replaced."
  }

  assert {
    condition     = !aws_network_interface.nat[0].source_dest_check && aws_network_interface.nat[0].subnet_id == aws_subnet.public[0].id && aws_route_table_association.public[0].subnet_id == aws_subnet.public[0].id
    error_message = "The NAT instance is in a public subnet and has no source/destination check."
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.nat_instance[0].cidr_ipv4 == "10.60.0.0/16" && aws_vpc_security_group_ingress_rule.nat_instance[0].from_port == 443 &&
      aws_vpc_security_group_egress_rule.nat_instance[0].from_port == 443 && aws_instance.nat[0].metadata_options[0].http_tokens == "required"
    )
    error_message = "The NAT instance accepts only https from the VPC, and sends only https."
  }

  assert {
    condition     = keys(aws_vpc_security_group_egress_rule.https) == ["functions", "kafka"]
    error_message = "Functions and pollers may send https anywhere."
  }

  assert {
    condition     = output.nat_public_ips == ["203.0.113.10"] && aws_instance.nat[0].credit_specification[0].cpu_credits == "standard"
    error_message = "Its address is an output, and its CPU credits are `standard`."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.nat_instance[0].treat_missing_data == "breaching" && contains(aws_cloudwatch_metric_alarm.nat_instance[0].alarm_actions, "arn:aws:sns:eu-central-1:111122223333:alarms")
    error_message = "An alarm reports a failed NAT instance."
  }
}

# An assertion on an unknown value fails. A resource that this plan would replace has unknown values.
run "a_gateway_in_each_zone_leaves_the_first_one_in_place" {
  command = plan

  variables {
    name         = "net"
    egress       = "nat"
    nat_per_zone = true
  }

  module {
    source = "./modules/network"
  }

  assert {
    condition     = aws_nat_gateway.this[0].allocation_id == aws_eip.nat[0].id && aws_nat_gateway.this[0].subnet_id == aws_subnet.public[0].id && aws_eip.nat[0].public_ip == run.a_nat_gateway_replaces_the_endpoints.nat_public_ips[0]
    error_message = "The first gateway keeps its address."
  }

  assert {
    condition     = aws_route.nat[0].route_table_id == aws_route_table.private[0].id && aws_route_table_association.private[0].route_table_id == aws_route_table.private[0].id
    error_message = "The first zone keeps its route."
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3 && length(aws_eip.nat) == 3 && length(aws_route.nat) == 3 && length(aws_route_table.private) == 3 && aws_subnet.public[*].availability_zone_id == aws_subnet.private[*].availability_zone_id
    error_message = "Every zone has its own gateway and route table."
  }

  assert {
    condition     = aws_subnet.public[*].cidr_block == ["10.60.240.0/20", "10.60.224.0/20", "10.60.208.0/20"] && length(setintersection(aws_subnet.public[*].cidr_block, aws_subnet.private[*].cidr_block)) == 0
    error_message = "Public subnets come from the end of the addresses, private ones from the beginning."
  }
}

run "a_key_admits_the_services_that_need_it_and_no_others" {
  variables {
    name = "main"
  }

  module {
    source = "./modules/key"
  }

  assert {
    condition = { for statement in jsondecode(output.policy).Statement : one(values(statement.Principal)) => statement.Action } == {
      "arn:aws:iam::111122223333:root"  = ["kms:*"]
      "logs.eu-central-1.amazonaws.com" = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:DescribeKey"]
      "cloudwatch.amazonaws.com"        = ["kms:Decrypt", "kms:GenerateDataKey"]
      "s3.amazonaws.com"                = ["kms:Decrypt", "kms:GenerateDataKey"]
    }
    error_message = "Alarms reach an encrypted topic, and notifications an encrypted queue, only if their senders may use the key."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(output.policy).Statement : strcontains(jsonencode(statement.Condition), "111122223333") if can(statement.Principal.Service)
    ])
    error_message = "The services may use the key only for this account."
  }

  assert {
    condition     = output.arn == aws_kms_key.this.arn && aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30 && aws_kms_alias.this.name == "alias/main"
    error_message = "The key rotates, and its deletion can be cancelled for 30 days."
  }
}

run "topics_are_created_from_the_pipeline_files" {
  variables {
    name       = "main"
    subnet_ids = ["subnet-1", "subnet-2", "subnet-3"]
    topics     = [{ name = "rooms-v1", partitions = 4, retention_hours = 168 }]
  }

  module {
    source = "./modules/kafka"
  }

  assert {
    condition = aws_cloudcontrolapi_resource.topic["rooms-v1"].desired_state == jsonencode({
      ClusterArn        = "arn:aws:kafka:eu-central-1:111122223333:cluster/headwater-dev/11111111-2222-3333-4444-555555555555-1"
      TopicName         = "rooms-v1"
      PartitionCount    = 4
      ReplicationFactor = 3
      Configs           = base64encode(jsonencode({ "retention.ms" = "604800000" }))
    })
    error_message = "Partitions and retention come from the file, and the three replicas from the cluster."
  }

  assert {
    condition     = strcontains(aws_msk_configuration.this[0].server_properties, "auto.create.topics.enable=false") && strcontains(aws_msk_configuration.this[0].server_properties, "min.insync.replicas=2")
    error_message = "Automatic topic creation is off, and acks=all waits for two brokers."
  }
}

run "with_two_brokers_topics_have_two_replicas" {
  state_key = "two-brokers"

  variables {
    name       = "small"
    subnet_ids = ["subnet-1", "subnet-2"]
    topics     = [{ name = "rooms-v1", partitions = 4, retention_hours = 168 }]
  }

  module {
    source = "./modules/kafka"
  }

  assert {
    condition     = aws_msk_cluster.this[0].number_of_broker_nodes == 2 && jsondecode(aws_cloudcontrolapi_resource.topic["rooms-v1"].desired_state).ReplicationFactor == 2 && strcontains(aws_msk_configuration.this[0].server_properties, "min.insync.replicas=1")
    error_message = "min.insync.replicas is 1, so producers continue while one of two brokers is down."
  }
}

# AWS cannot change a topic's replication factor: it would delete the topic and its records.
run "more_brokers_leave_the_topics_in_place" {
  command   = plan
  state_key = "two-brokers"

  variables {
    name       = "small"
    subnet_ids = ["subnet-1", "subnet-2"]
    topics     = [{ name = "rooms-v1", partitions = 4, retention_hours = 168 }]
    cluster    = { brokers = 4 }
  }

  module {
    source = "./modules/kafka"
  }

  assert {
    condition     = aws_msk_cluster.this[0].number_of_broker_nodes == 4 && jsondecode(aws_cloudcontrolapi_resource.topic["rooms-v1"].desired_state).ReplicationFactor == 2
    error_message = "The topics keep the cluster's first replication factor."
  }
}

run "brokers_that_do_not_fit_the_zones_are_refused" {
  command = plan

  variables {
    name       = "main"
    subnet_ids = ["subnet-1", "subnet-2"]
    generation = 2
    cluster    = { brokers = 3 }
  }

  module {
    source = "./modules/kafka"
  }

  expect_failures = [aws_msk_cluster.this]
}

run "a_scheduled_function_has_a_dead_letter_queue" {
  variables {
    function = {
      name                     = "ticker"
      code                     = { bucket = "code", key = "ticker.zip" }
      memory_mb                = 128
      timeout_seconds          = 10
      role_suffix              = "-eucentral1"
      permissions_boundary_arn = "arn:aws:iam::111122223333:policy/boundary"
      kms_key_arn              = "arn:aws:kms:eu-central-1:111122223333:key/own"
    }
    schedule = { expression = "rate(1 minute)", enabled = false }
    alarms   = {}
  }

  module {
    source = "./modules/scheduled_function"
  }

  assert {
    condition     = !output.schedule.enabled && module.failed[0].name == "ticker-failed"
    error_message = "The schedule is deployed but disabled, and has a dead-letter queue."
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.this[0].destination_config[0].on_failure[0].destination == "arn:aws:sqs:eu-central-1:111122223333:ticker-failed"
    error_message = "Invocations that fail inside the function go to the same queue."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(output.scheduler_policy).Statement : !contains(statement.Resource, "*")
    ])
    error_message = "Scheduler may invoke this function and write to this queue."
  }

  assert {
    condition     = contains(flatten(jsondecode(output.scheduler_policy).Statement[*].Resource), "arn:aws:sqs:eu-central-1:111122223333:ticker-failed")
    error_message = "Invocations that Scheduler could not deliver go to the same queue."
  }

  assert {
    condition = alltrue([
      for policy in [output.policy, output.scheduler_policy] :
      one([for statement in jsondecode(policy).Statement : statement if statement.Sid == "UseKey"]) == { Sid = "UseKey", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = ["arn:aws:kms:eu-central-1:111122223333:key/own"] }
    ])
    error_message = "Both roles may use the queue's key, and no other key."
  }

  assert {
    condition = (
      module.function.role == { name = "ticker-eucentral1", permissions_boundary_arn = "arn:aws:iam::111122223333:policy/boundary" } &&
      module.schedule.role == { name = "ticker-eucentral1-schedule", permissions_boundary_arn = "arn:aws:iam::111122223333:policy/boundary" }
    )
    error_message = "Names of roles contain the region, and every role has the boundary."
  }
}

run "a_schedule_has_a_dead_letter_queue" {
  variables {
    name            = "ticker"
    target_arn      = "arn:aws:lambda:eu-central-1:111122223333:function:ticker"
    schedule        = { expression = "rate(1 minute)", enabled = false, input = "{\"sweep\":true}" }
    dead_letter_arn = "arn:aws:sqs:eu-central-1:111122223333:ticker-failed"
  }

  module {
    source = "./modules/schedule"
  }

  assert {
    condition     = aws_scheduler_schedule.this.state == "DISABLED" && aws_scheduler_schedule.this.target[0].dead_letter_config[0].arn == "arn:aws:sqs:eu-central-1:111122223333:ticker-failed"
    error_message = "The schedule is deployed but disabled, and has a dead-letter queue."
  }

  assert {
    condition     = aws_scheduler_schedule.this.target[0].input == "{\"sweep\":true}" && aws_scheduler_schedule.this.target[0].arn == "arn:aws:lambda:eu-central-1:111122223333:function:ticker"
    error_message = "The payload is passed on unchanged."
  }

  assert {
    condition = jsondecode(output.policy).Statement == [
      { Sid = "Invoke", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = ["arn:aws:lambda:eu-central-1:111122223333:function:ticker"] },
      { Sid = "KeepFailedInvocations", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = ["arn:aws:sqs:eu-central-1:111122223333:ticker-failed"] },
    ]
    error_message = "Scheduler may invoke this function and write to this queue."
  }
}

run "a_dead_letter_queue_is_optional" {
  variables {
    name       = "ticker"
    target_arn = "arn:aws:lambda:eu-central-1:111122223333:function:ticker"
    schedule   = { expression = "rate(1 minute)" }
  }

  module {
    source = "./modules/schedule"
  }

  assert {
    condition     = length(aws_scheduler_schedule.this.target[0].dead_letter_config) == 0 && jsondecode(output.policy).Statement[*].Sid == ["Invoke"]
    error_message = "Scheduler may only invoke the function."
  }
}

run "a_name_too_long_an_action_too_wide_and_an_offset_as_time_zone_are_refused" {
  command = plan

  variables {
    name       = "a-function-whose-name-leaves-no-room-for-what-is-added-to-it"
    target_arn = "arn:aws:lambda:eu-central-1:111122223333:function:ticker"
    action     = "lambda:*"
    schedule   = { expression = "rate(1 minute)", time_zone = "-03:00" }
  }

  module {
    source = "./modules/schedule"
  }

  expect_failures = [var.name, var.action, var.schedule]
}

run "a_spark_jobs_table_inside_a_topics_table_is_refused" {
  command = plan

  variables {
    name_prefix = "some"
    tables      = { rooms-v1 = "env=dv/rooms" }
    job_tables  = { forecast_72 = "env=dv", another = "forecast_*" }
  }

  module {
    source = "./modules/lake"
  }

  expect_failures = [var.job_tables]
}

run "dead_letters_are_kept_and_raise_an_alarm" {
  variables {
    function_name = "ticker"
    what          = "An invocation"
    alarms        = { topic_arns = ["arn:aws:sns:eu-central-1:111122223333:alarms"] }
  }

  module {
    source = "./modules/dead_letter_queue"
  }

  assert {
    condition     = aws_sqs_queue.this.message_retention_seconds == 14 * 86400 && aws_sqs_queue.this.sqs_managed_sse_enabled
    error_message = "The queue keeps messages for SQS's maximum time, encrypted."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this[0].alarm_actions == toset(["arn:aws:sns:eu-central-1:111122223333:alarms"]) && aws_cloudwatch_metric_alarm.this[0].threshold == 0
    error_message = "A single message raises the alarm."
  }
}

run "parked_records_raise_an_alarm" {
  variables {
    function      = { name = "writer", code = { bucket = "code", key = "writer.zip" }, memory_mb = 128, timeout_seconds = 10, environment = { HEADWATER_ENVIRONMENT = "dev" } }
    parks_records = true
    alarms        = {}
  }

  module {
    source = "./modules/function"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.parked[0].metric_name == "RecordsParked" && aws_cloudwatch_metric_alarm.parked[0].dimensions == tomap({ environment = "dev", function = "writer" })
    error_message = "The alarm uses the metric that the function writes."
  }
}

run "a_bucket_refuses_plain_http" {
  variables {
    name = "some-bucket"
  }

  module {
    source = "./modules/bucket"
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.tls[0].policy).Statement[0].Effect == "Deny" && jsondecode(aws_s3_bucket_policy.tls[0].policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = "The bucket refuses requests without TLS."
  }

  assert {
    condition     = output.public_access_blocked && !aws_s3_bucket.this.force_destroy
    error_message = "Public access is blocked, and a destroy does not delete the objects."
  }
}

run "objects_are_encrypted_with_a_customer_managed_key" {
  command = plan

  variables {
    name        = "some-bucket"
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555"
  }

  module {
    source = "./modules/bucket"
  }

  assert {
    condition = one([for rule in aws_s3_bucket_server_side_encryption_configuration.this.rule : merge(
      { bucket_key = rule.bucket_key_enabled }, { for setting in rule.apply_server_side_encryption_by_default : "key" => "${setting.sse_algorithm} ${setting.kms_master_key_id}" }
    )]) == { bucket_key = true, key = "aws:kms arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555" }
    error_message = "The bucket uses the given key, with a bucket key."
  }
}

run "a_name_that_s3_refuses_is_refused_before_an_apply" {
  command = plan

  variables {
    name = "double--hyphen"
  }

  module {
    source = "./modules/bucket"
  }

  expect_failures = [var.name]
}

run "expiration_of_objects_is_optional" {
  variables {
    name            = "some-bucket"
    expiration_days = 90
  }

  module {
    source = "./modules/bucket"
  }

  assert {
    condition = {
      for rule in aws_s3_bucket_lifecycle_configuration.this[0].rule : rule.id => one(rule.expiration[*].days)
    }["old-objects"] == 90
    error_message = "Objects expire after 90 days."
  }

  assert {
    condition     = toset(aws_s3_bucket_lifecycle_configuration.this[0].rule[*].id) == toset(["old-versions", "old-objects", "abandoned-uploads"])
    error_message = "The other lifecycle rules are unchanged."
  }
}

run "objects_do_not_expire_by_default" {
  variables {
    name = "some-bucket"
  }

  module {
    source = "./modules/bucket"
  }

  assert {
    condition     = toset(aws_s3_bucket_lifecycle_configuration.this[0].rule[*].id) == toset(["old-versions", "abandoned-uploads"])
    error_message = "By default there is no expiration rule."
  }
}

run "without_lifecycle_days_there_is_no_lifecycle_configuration" {
  variables {
    name           = "some-bucket"
    lifecycle_days = 0
  }

  module {
    source = "./modules/bucket"
  }

  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.this) == 0
    error_message = "There is no lifecycle configuration, because the provider waits 55 s for one on the emulator."
  }
}
