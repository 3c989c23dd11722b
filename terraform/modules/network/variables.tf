variable "name" {
  description = "Name of the network and its parts."
  type        = string
}

variable "existing" {
  description = "A VPC that exists, with private subnets from which S3, Secrets Manager, `services` and (for on-demand pollers) lambda and sts can be reached. Security groups are made in it. Null makes a VPC."
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
  description = "Number of availability zones, each with one private subnet: two or three. Null is default_zones for a new network, or two where the region has no more; a network that exists keeps its zones."
  type        = number
  default     = null

  validation {
    condition     = var.zones == null ? true : contains([2, 3], var.zones)
    error_message = "MSK takes two or three zones."
  }
}

variable "default_zones" {
  description = "Number of zones of a new network where `zones` is null. A later change does nothing: a network that exists keeps its zones."
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
    error_message = "zone_ids are two or three different ids of zones, such as euc1-az1 (a name such as eu-central-1a is another zone in another account)."
  }

  validation {
    condition     = var.zone_ids == null ? true : !contains(var.zone_ids, "use1-az3")
    error_message = "MSK has no brokers in use1-az3: choose another zone of us-east-1."
  }
}

variable "egress" {
  description = "How private subnets reach AWS services: `endpoints` (no internet at all), `nat` (a NAT gateway, for functions that call others too) or `nat_instance` (a small instance in one zone instead of the gateway: the cheapest way out, and no way out while it is replaced or recovers)."
  type        = string
  default     = "endpoints"

  validation {
    condition     = contains(["endpoints", "nat", "nat_instance"], var.egress)
    error_message = "egress must be endpoints, nat or nat_instance."
  }
}

variable "nat_instance" {
  description = "With egress `nat_instance`: its type (arm64), the size of its disk, and an image instead of Amazon Linux 2023. It keeps its image until it is replaced by hand, and updates its packages every week."
  type = object({
    type      = optional(string, "t4g.nano")
    volume_gb = optional(number, 4)
    ami_id    = optional(string)
  })
  default = {}

  validation {
    condition     = var.nat_instance.volume_gb >= 4
    error_message = "The image and the swap file need 4 GB."
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
  description = "With egress `nat`, a gateway in each zone: a zone that fails takes only its own way out, and no traffic is paid for crossing zones. False is one gateway for all."
  type        = bool
  default     = false
}

variable "on_demand_pollers" {
  description = "Whether a mapping uses on-demand pollers: they need lambda and sts from the cluster's subnets, provisioned ones do not."
  type        = bool
  default     = true
}

variable "services" {
  description = "What else the functions call of AWS: with egress `endpoints`, an interface endpoint each (paid by the hour, in every zone)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for service in var.services : can(regex("^[a-z][a-z0-9.-]*$", service))])
    error_message = "A service is named as in its endpoint, such as logs or sqs."
  }
}

variable "host" {
  description = "Whether there is a host for operators, which has a security group of its own: it reaches what the functions reach, and nothing reaches it."
  type        = bool
  default     = false
}

variable "existing_services" {
  description = "Kafka clusters and databases of somebody else that the functions reach: their security group and port, by name."
  type = map(object({
    security_group_id = string
    port              = number
  }))
  default = {}
}
