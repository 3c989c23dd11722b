# Kafka: an MSK cluster, or one that exists already.
#
# Provisioned, standard brokers: of the three kinds of MSK it is the cheapest to leave running, and it has IAM, topics by
# API and per-group lag metrics. Serverless has no topic API and costs several times the small cluster; Express begins at
# much larger brokers. Version, instance type, number of brokers and configuration change in place; placement.tf has the rest.

locals {
  make        = var.existing == null
  cluster_arn = local.make ? one(aws_msk_cluster.this[*].arn) : var.existing.cluster_arn
  auth        = local.make ? "msk-iam" : var.existing.auth

  look_up_brokers = !local.make && try(var.existing.bootstrap_servers, null) == null

  # arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/UUID
  cluster_name = local.make ? var.name : try(split("/", var.existing.cluster_arn)[1], null)

  # MSK needs at least one broker in each zone.
  brokers = coalesce(var.cluster.brokers, local.make ? length(var.subnet_ids) : 3)

  # A topic's replication factor cannot change in place: AWS would delete the topic and its records. So a cluster keeps
  # its first replication factor, even if brokers are added. Clusters from before this value was stored use the old
  # rule.
  replicas = local.make ? try(local.placement.replicas, min(3, local.brokers)) : min(3, local.brokers)
}

resource "aws_cloudwatch_log_group" "brokers" {
  # checkov:skip=CKV_AWS_338:the user chooses how long logs are kept and paid for (log_retention_days)
  count             = local.make ? 1 : 0
  name              = "/aws/msk/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

# kafka_versions is optional and not set: a change of it would replace the configuration, and the name of the old one is
# still in use. The properties below are valid in every version, so an upgrade does not change the configuration.
resource "aws_msk_configuration" "this" {
  count = local.make ? 1 : 0
  name  = "${var.name}-brokers"

  # Topics come only from the pipeline files, so that a typing error in a client does not create one. With three
  # brokers, acks=all waits for two brokers; with two brokers, for one. With two brokers, records that were acknowledged
  # while one broker was down are lost if the disk of the other broker fails.
  server_properties = join("\n", [
    "auto.create.topics.enable=false",
    "default.replication.factor=${local.replicas}",
    "min.insync.replicas=${max(1, local.replicas - 1)}",
    "unclean.leader.election.enable=false",
    "",
  ])

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_msk_cluster" "this" {
  count                  = local.make ? 1 : 0
  cluster_name           = local.placement.name
  kafka_version          = local.kafka_version
  number_of_broker_nodes = local.brokers
  enhanced_monitoring    = var.cluster.monitoring

  broker_node_group_info {
    instance_type   = var.cluster.instance_type
    client_subnets  = local.placement.subnet_ids
    security_groups = local.placement.security_group_ids

    storage_info {
      ebs_storage_info {
        volume_size = var.cluster.volume_gb
      }
    }

    connectivity_info {
      public_access {
        type = "DISABLED"
      }
    }
  }

  client_authentication {
    unauthenticated = false

    sasl {
      iam = true
    }
  }

  encryption_info {
    encryption_at_rest_kms_key_arn = local.placement.kms_key_arn

    encryption_in_transit {
      client_broker = "TLS"
      in_cluster    = true
    }
  }

  configuration_info {
    arn      = aws_msk_configuration.this[0].arn
    revision = aws_msk_configuration.this[0].latest_revision
  }

  logging_info {
    broker_logs {
      cloudwatch_logs {
        enabled   = true
        log_group = aws_cloudwatch_log_group.brokers[0].name
      }
    }
  }

  lifecycle {
    # Volumes grow automatically (storage.tf), and MSK refuses to shrink them.
    ignore_changes = [broker_node_group_info[0].storage_info[0].ebs_storage_info[0].volume_size]

    precondition {
      condition     = !(var.cluster.instance_type == "kafka.t3.small" && endswith(local.kafka_version, ".kraft"))
      error_message = "MSK refuses kafka.t3.small for a cluster with KRaft (${local.kafka_version}): name a larger instance_type, such as kafka.m7g.large, or for a new cluster kafka_version = \"3.9.x\"."
    }

    precondition {
      condition     = contains([2, 3], length(var.subnet_ids))
      error_message = "MSK takes two or three subnets, each in a zone of its own (${length(var.subnet_ids)} given): name two or three."
    }

    precondition {
      condition     = length(var.subnet_ids) > 0 && local.brokers % max(1, length(var.subnet_ids)) == 0
      error_message = "The number of brokers must be a multiple of the number of subnets (${length(var.subnet_ids)})."
    }
  }
}

# Topics are created by MSK's own API. This needs neither a Kafka client in the network nor a second provider. The AWS
# provider has a resource for topics only from version 6.38; Cloud Control uses the same API. Removing a pipeline file
# deletes the topic and its records, and the plan shows this.
resource "aws_cloudcontrolapi_resource" "topic" {
  for_each = { for topic in var.topics : topic.name => topic if local.make || var.manage_topics }

  type_name = "AWS::MSK::Topic"

  desired_state = jsonencode({
    ClusterArn        = local.cluster_arn
    TopicName         = each.key
    PartitionCount    = each.value.partitions
    ReplicationFactor = local.replicas
    Configs           = base64encode(jsonencode({ "retention.ms" = tostring(each.value.retention_hours * 3600000) }))
  })
}
