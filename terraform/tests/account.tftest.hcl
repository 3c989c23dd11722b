# What keeps data when somebody changes a variable: network and Kafka, made once, then changed.

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
    error_message = "Ids name the same zones in every account, in an order that does not change."
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

run "a_new_generation_takes_the_new_addresses_where_there_are_two_zones" {
  command = plan

  variables {
    name       = "net"
    cidr       = "10.61.0.0/16"
    generation = 2
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
    error_message = "As asked for, in the two zones of us-west-1."
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
  }

  module {
    source = "./modules/kafka"
  }

  assert {
    condition     = endswith(aws_msk_cluster.this[0].kafka_version, ".kraft") && aws_msk_configuration.this[0].kafka_versions == null
    error_message = "KRaft, and a configuration that is tied to no version."
  }
}

run "an_upgrade_and_another_order_of_subnets_are_in_place" {
  command = plan

  variables {
    name       = "main"
    subnet_ids = ["subnet-3", "subnet-1", "subnet-2"]
    cluster    = { kafka_version = "4.1.x.kraft" }
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
    error_message = "An explicit variable allows what a change of subnets alone does not."
  }
}
