# Addresses and zones, as they were when the network was made. A change would replace the VPC, and with it everything inside:
# the Kafka cluster with its records, the database. So the first values stay, and a plan that asks for others is refused.
# A zone that AWS adds later changes nothing. No variable allows a replacement: AWS does not delete subnets with a database in
# them, so that the apply would stop after it had deleted the Kafka cluster.

locals {
  # `input` is known in every plan; `output` is unknown until the first apply.
  layout = local.make ? terraform_data.layout[0].input : { cidr = null, zone_ids = [] }

  # No more zones than there are: us-west-1 has two for an account.
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
      error_message = "RDS and MSK need two availability zones, and this account has ${length(local.found_zone_ids)} that both can use in this region. Choose another region."
    }

    postcondition {
      condition     = self.input.cidr == var.cidr && (var.zones == null ? true : length(self.input.zone_ids) == local.wanted_zones) && (var.zone_ids == null ? true : toset(self.input.zone_ids) == toset(var.zone_ids))
      error_message = "Addresses and zones of the network (cidr, zones, zone_ids) cannot change in place: the Kafka cluster with all its records and the database would be replaced. Undo the change; or, to lose them, destroy the deployment (with allow_destroy) and deploy it anew."
    }
  }
}
