# Private subnets for Kafka, Postgres and the functions, and their network path to AWS services. Only NAT gateways or
# the NAT instance have public addresses, if egress selects them.

data "aws_region" "current" {}

data "aws_availability_zones" "available" {
  # checkov:skip=CKV_AWS_394:layout.tf keeps the zones of the first apply, so a zone that AWS adds changes nothing
  count = local.make ? 1 : 0
  state = "available"

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }

  # MSK and newer instance types are not in this zone. Ids name the same zone in every account; names do not.
  exclude_zone_ids = ["use1-az3"]
}

locals {
  make = var.existing == null
  nat  = local.make && var.egress == "nat"

  nat_instance = local.make && var.egress == "nat_instance"
  internet     = local.nat || local.nat_instance

  vpc_id     = local.make ? one(aws_vpc.this[*].id) : var.existing.vpc_id
  subnet_ids = local.make ? aws_subnet.private[*].id : var.existing.subnet_ids

  # On-demand pollers run in the cluster's subnets and call lambda and sts from there. Provisioned pollers do not.
  # Pollers would also call secretsmanager for a cluster with passwords or client certificates, but this cluster uses
  # IAM. schema-migrator and telemetry-gateway use Secrets Manager. S3 always has a gateway endpoint, which is free.
  interface_endpoints = local.make && !local.internet ? toset(concat(["secretsmanager"], var.on_demand_pollers ? ["lambda", "sts"] : [], var.services)) : toset([])
}

resource "aws_vpc" "this" {
  # checkov:skip=CKV2_AWS_11:flow logs are paid by volume and are the account's choice; the security groups let only named ports through
  count                = local.make ? 1 : 0
  cidr_block           = local.layout.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}

# AWS's default group allows traffic between its members. Nothing uses it here, so it gets no rules.
resource "aws_default_security_group" "closed" {
  count  = local.make ? 1 : 0
  vpc_id = aws_vpc.this[0].id
}

resource "aws_subnet" "private" {
  count                = length(local.layout.zone_ids)
  vpc_id               = aws_vpc.this[0].id
  cidr_block           = cidrsubnet(local.layout.cidr, 4, count.index)
  availability_zone_id = local.layout.zone_ids[count.index]
  tags                 = { Name = "${var.name}-private-${count.index}" }
}

resource "aws_route_table" "private" {
  count  = local.make ? max(1, local.ways_out) : 0
  vpc_id = aws_vpc.this[0].id
  tags   = { Name = "${var.name}-private-${count.index}" }
}

# A new route table gets its routes before a subnet is moved to it.
resource "aws_route_table_association" "private" {
  count          = length(local.layout.zone_ids)
  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private[local.ways_out > 1 ? count.index : 0].id

  depends_on = [aws_route.nat, aws_vpc_endpoint.s3]
}

# One gateway, or one in each zone. The first gateway is the same in both cases: it keeps its subnet and its address
# when others are added. All references below use an index. A list of all ids would be unknown during such a plan, and
# Terraform would replace the first gateway.

locals {
  gateways = !local.nat ? 0 : var.nat_per_zone ? length(local.layout.zone_ids) : 1

  # The NAT instance uses the public subnet and the route of the first gateway.
  ways_out = local.nat_instance ? 1 : local.gateways
}

resource "aws_internet_gateway" "this" {
  count  = local.internet ? 1 : 0
  vpc_id = aws_vpc.this[0].id
  tags   = { Name = var.name }
}

# Public subnets are allocated from the end of the VPC's addresses, private subnets from the beginning.
resource "aws_subnet" "public" {
  count                = local.ways_out
  vpc_id               = aws_vpc.this[0].id
  cidr_block           = cidrsubnet(local.layout.cidr, 4, 15 - count.index)
  availability_zone_id = local.layout.zone_ids[count.index]
  tags                 = { Name = "${var.name}-public-${count.index}" }
}

resource "aws_route_table" "public" {
  count  = local.internet ? 1 : 0
  vpc_id = aws_vpc.this[0].id
  tags   = { Name = "${var.name}-public" }

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this[0].id
  }
}

resource "aws_route_table_association" "public" {
  count          = local.ways_out
  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_eip" "nat" {
  count  = local.gateways
  domain = "vpc"
  tags   = { Name = "${var.name}-nat-${count.index}" }
}

resource "aws_nat_gateway" "this" {
  count         = local.gateways
  allocation_id = aws_eip.nat[count.index].id
  subnet_id     = aws_subnet.public[count.index].id
  tags          = { Name = "${var.name}-${count.index}" }

  depends_on = [aws_internet_gateway.this, aws_route_table_association.public]
}

resource "aws_route" "nat" {
  count                  = local.ways_out
  route_table_id         = aws_route_table.private[count.index].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = local.nat ? aws_nat_gateway.this[count.index].id : null
  network_interface_id   = local.nat_instance ? aws_network_interface.nat[0].id : null

  # When the network returns to one gateway, each subnet moves to another route table before its gateway is destroyed.
  # The resources that the route depends on inherit this setting.
  lifecycle {
    create_before_destroy = true
  }
}

# ---- Endpoints -------------------------------------------------------------------------------------------------------

resource "aws_vpc_endpoint" "s3" {
  count             = local.make ? 1 : 0
  vpc_id            = aws_vpc.this[0].id
  service_name      = "com.amazonaws.${data.aws_region.current.name}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = aws_route_table.private[*].id
  tags              = { Name = "${var.name}-s3" }
}

resource "aws_vpc_endpoint" "interface" {
  for_each            = local.interface_endpoints
  vpc_id              = aws_vpc.this[0].id
  service_name        = "com.amazonaws.${data.aws_region.current.name}.${each.key}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = aws_subnet.private[*].id
  security_group_ids  = [aws_security_group.this["endpoints"].id]
  private_dns_enabled = true
  tags                = { Name = "${var.name}-${each.key}" }
}
