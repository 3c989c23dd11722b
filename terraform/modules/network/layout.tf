# Addresses and zones keep their first values. A change would replace the VPC and everything in it: the Kafka cluster
# with its records, and the database. So a plan with other values is refused. A zone that AWS adds later changes
# nothing. There is no variable that allows the replacement: AWS does not delete subnets that contain a database, so the
# apply would stop after the deletion of the Kafka cluster.

locals {
  # `input` is known in every plan; `output` is unknown until the first apply.
  layout = local.make ? terraform_data.layout[0].input : { cidr = null, zone_ids = [] }

  # At most as many zones as the region has: us-west-1 has only two per account.
  found_zone_ids  = local.make ? sort(data.aws_availability_zones.available[0].zone_ids) : []
  wanted_zones    = min(coalesce(var.zones, var.default_zones), length(local.found_zone_ids))
  wanted_zone_ids = var.zone_ids == null ? slice(local.found_zone_ids, 0, local.wanted_zones) : sort(var.zone_ids)
}

resource "terraform_data" "layout" {
  count = local.make ? 1 : 0

  input = { cidr = var.cidr, zone_ids = local.wanted_zone_ids }

  lifecycle {
    ignore_changes = [input]

    precondition {
      condition     = length(local.wanted_zone_ids) >= 2
      error_message = "RDS and MSK need two availability zones, and this account has only ${length(local.found_zone_ids)} usable ones in this region. Choose another region."
    }

    postcondition {
      condition     = self.input.cidr == var.cidr && (var.zones == null ? true : length(self.input.zone_ids) == local.wanted_zones) && (var.zone_ids == null ? true : toset(self.input.zone_ids) == toset(var.zone_ids))
      error_message = "Addresses and zones of the network (cidr, zones, zone_ids) cannot change in place: the Kafka cluster with all its records and the database would be replaced. Undo the change. Or, to accept the loss of all data, destroy the deployment (with allow_destroy) and deploy again."
    }
  }
}
