# The VPC, and its path to AWS and the internet.

variable "network" {
  description = "A VPC to create (its addresses, the number of zones or their ids, and the egress), or an existing one. zones: null is 2 for a new network in profile dev, 3 in prod, and no change for an existing network. egress: endpoints (nothing reaches the internet), nat (NAT gateways) or nat_instance (one small instance instead); null is nat_instance in profile dev and endpoints in prod. nat_per_zone: with egress nat, a gateway in each zone; null is true in profile prod (each costs as much as the first one). existing_services: security group and port of an existing Kafka or Postgres, whose owner must admit the functions' security group. board_endpoints: interface endpoints for live-board, with egress endpoints; without them it shows neither errors nor queues. nat_instance: its type, disk and image, with egress nat_instance."
  type = object({
    existing          = optional(object({ vpc_id = string, subnet_ids = list(string) }))
    cidr              = optional(string, "10.60.0.0/16")
    zones             = optional(number)
    zone_ids          = optional(list(string))
    egress            = optional(string)
    nat_per_zone      = optional(bool)
    board_endpoints   = optional(bool, true)
    nat_instance      = optional(object({ type = optional(string), volume_gb = optional(number), ami_id = optional(string) }), {})
    existing_services = optional(map(object({ security_group_id = string, port = number })), {})
  })
  default = {}

  validation {
    condition     = try(var.network.nat_per_zone, null) == true ? try(var.network.egress == "nat", false) && var.network.existing == null : true
    error_message = "nat_per_zone applies only to a created VPC with egress = \"nat\": set egress, too, or remove nat_per_zone."
  }
}
