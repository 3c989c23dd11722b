variable "name" {
  description = "Name of the network and its parts."
  type        = string
}

variable "existing" {
  description = "An existing VPC, with private subnets from which S3, Secrets Manager, `services` and (for on-demand pollers) lambda and sts are reachable. Security groups are created in it. Null creates a VPC."
  type = object({
    vpc_id     = string
    subnet_ids = list(string)
  })
  default = null
}

variable "cidr" {
  description = "Addresses of the VPC."
  type        = string
  default     = "10.60.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.cidr, 4, 15))
    error_message = "cidr must be an IPv4 block of /24 or larger."
  }
}

variable "zones" {
  description = "Number of availability zones, two or three, each with one private subnet. Null: default_zones for a new network (two if the region has only two); an existing network keeps its zones."
  type        = number
  default     = null

  validation {
    condition     = var.zones == null ? true : contains([2, 3], var.zones)
    error_message = "MSK takes two or three zones."
  }
}

variable "default_zones" {
  description = "Number of zones of a new network if `zones` is null. A later change has no effect, because an existing network keeps its zones."
  type        = number
  default     = 3

  validation {
    condition     = contains([2, 3], var.default_zones)
    error_message = "MSK takes two or three zones."
  }
}

variable "zone_ids" {
  description = "The zones by id, such as euc1-az1, instead of the first ones of the region."
  type        = list(string)
  default     = null

  validation {
    condition     = var.zone_ids == null ? true : contains([2, 3], length(distinct(var.zone_ids))) && alltrue([for id in var.zone_ids : can(regex("^[a-z0-9]+-az[0-9]+$", id))])
    error_message = "zone_ids must be two or three different ids of zones, such as euc1-az1. (A name such as eu-central-1a can mean another zone in another account.)"
  }

  validation {
    condition     = var.zone_ids == null ? true : !contains(var.zone_ids, "use1-az3")
    error_message = "MSK has no brokers in use1-az3: choose another zone of us-east-1."
  }
}

variable "egress" {
  description = "How private subnets reach AWS services: `endpoints` (interface endpoints, no internet access), `nat` (a NAT gateway, for functions that call other services, too) or `nat_instance` (a small instance in one zone instead of the gateway: the cheapest option, but the connection is interrupted while the instance recovers or is replaced)."
  type        = string
  default     = "endpoints"

  validation {
    condition     = contains(["endpoints", "nat", "nat_instance"], var.egress)
    error_message = "egress must be endpoints, nat or nat_instance."
  }
}

variable "nat_instance" {
  description = "Settings of the NAT instance with egress `nat_instance`: type (arm64), size of its disk, and an image instead of Amazon Linux 2023. The instance keeps its image until an operator replaces it, and updates its packages every week."
  type = object({
    type      = optional(string, "t4g.nano")
    volume_gb = optional(number, 4)
    ami_id    = optional(string)
  })
  default = {}

  validation {
    condition     = var.nat_instance.volume_gb >= 4
    error_message = "volume_gb must be at least 4, for the image and the swap file."
  }
}

variable "alarms" {
  description = "The SNS topics that the alarm of the NAT instance notifies; null for no alarm."
  type = object({
    topic_arns = optional(list(string), [])
  })
  default = null
}

variable "nat_per_zone" {
  description = "With egress `nat`: whether each zone has its own gateway. Then the failure of a zone affects only that zone, and there are no charges for traffic between zones. False: one gateway for all zones."
  type        = bool
  default     = false
}

variable "on_demand_pollers" {
  description = "Whether a mapping uses on-demand pollers. They call lambda and sts from the cluster's subnets; provisioned pollers do not."
  type        = bool
  default     = true
}

variable "services" {
  description = "Other AWS services that the functions call. With egress `endpoints`, each gets an interface endpoint, which is billed per hour and zone."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for service in var.services : can(regex("^[a-z][a-z0-9.-]*$", service))])
    error_message = "services must have the names that AWS uses in endpoints, such as logs or sqs."
  }
}

variable "host" {
  description = "Whether there is a host for operators. Its security group allows the same outgoing connections as that of the functions, and no incoming ones."
  type        = bool
  default     = false
}

variable "existing_services" {
  description = "Existing Kafka clusters and databases that the functions connect to: security group and port, by name."
  type = map(object({
    security_group_id = string
    port              = number
  }))
  default = {}
}
