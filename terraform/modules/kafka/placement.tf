# Settings that MSK cannot change in place. A new value of any of them replaces the cluster and deletes its records. So
# the cluster keeps its first values, and a plan with other values fails. `prevent_destroy` cannot depend on a variable,
# and a precondition on the cluster does not know the old values. So a resource with `ignore_changes` stores them.

locals {
  wanted_placement = {
    name               = var.name
    subnet_ids         = sort(var.subnet_ids)
    security_group_ids = sort(var.security_group_ids)
    kms_key_arn        = var.cluster.kms_key_arn
    replicas           = min(3, local.brokers)
    kafka_version      = coalesce(var.cluster.kafka_version, var.cluster.instance_type == "kafka.t3.small" ? "3.9.x" : "3.9.x.kraft")
  }

  # `input` is known in every plan; `output` is unknown until the first apply.
  placement = local.make ? terraform_data.placement[tostring(var.generation)].input : null

  # Only an explicit version upgrades a cluster. A larger broker or a newer default does not.
  kafka_version = local.make ? coalesce(var.cluster.kafka_version, local.placement.kafka_version) : null
}

# A new generation creates a new instance of this resource, which stores the current values.
resource "terraform_data" "placement" {
  for_each = local.make ? toset([tostring(var.generation)]) : toset([])

  input = local.wanted_placement

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = var.cluster.kafka_version == null ? true : sort([self.input.kafka_version, coalesce(var.cluster.kafka_version, "-")])[0] == self.input.kafka_version
      error_message = "Kafka was made with version ${self.input.kafka_version}, and MSK supports neither a downgrade nor a change from .kraft to ZooKeeper. Undo the change. Or increase `generation` by one: this deletes the cluster with its records and creates a new one."
    }

    postcondition {
      condition     = self.input.name == var.name && self.input.kms_key_arn == var.cluster.kms_key_arn && toset(self.input.subnet_ids) == toset(var.subnet_ids) && toset(self.input.security_group_ids) == toset(var.security_group_ids)
      error_message = "The Kafka cluster cannot change its name, subnets, security groups or KMS key in place: MSK would delete it with all its records and create a new one. Undo the change. Or, to accept the loss of the records, increase `generation` by one."
    }
  }
}
