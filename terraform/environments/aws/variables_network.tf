# The VPC, and the way out of it.

variable "network" {
  description = "A VPC to make (its addresses, the number of zones or their ids, and the way out: endpoints or nat), or one that exists. nat_per_zone: with egress nat, a gateway in each zone; null is true in profile prod (each costs as much as the first one). existing_services: security group and port of a Kafka or Postgres of your own; its owner admits the functions' group. board_endpoints: interface endpoints for live-board, with egress endpoints; without them it shows neither errors nor queues."
  type = object({
    existing          = optional(object({ vpc_id = string, subnet_ids = list(string) }))
    cidr              = optional(string, "10.60.0.0/16")
    zones             = optional(number)
    zone_ids          = optional(list(string))
    egress            = optional(string, "endpoints")
    nat_per_zone      = optional(bool)
    board_endpoints   = optional(bool, true)
    existing_services = optional(map(object({ security_group_id = string, port = number })), {})
  })
  default = {}

  validation {
    condition     = try(var.network.nat_per_zone, null) == true ? var.network.egress == "nat" && var.network.existing == null : true
    error_message = "nat_per_zone is for a VPC that is made with egress = \"nat\": set that too, or leave nat_per_zone out."
  }
}
