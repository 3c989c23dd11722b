# Allowed connections, each on one port:
#   functions → kafka 9098, database 5432, https
#   host      → the same; nothing may connect to the host
#   kafka     → kafka 9098 (Lambda's pollers use the cluster's group), https
# https goes to the endpoints and S3's prefix list. With NAT or in an existing VPC, https may go anywhere.

locals {
  groups = merge({
    functions = "The functions"
    kafka     = "Kafka brokers, and the pollers that Lambda places beside them"
    database  = "Postgres"
    endpoints = "Interface endpoints of AWS services"
  }, var.host ? { host = "The host of the operators" } : {})

  # Groups whose members connect to Kafka, Postgres and AWS.
  clients = var.host ? ["functions", "host"] : ["functions"]

  ports = { kafka = 9098, database = 5432, endpoints = 443 }

  # from → to
  paths = merge(
    { for path in setproduct(local.clients, keys(local.ports)) : join("-", path) => { from = path[0], to = path[1] } },
    {
      kafka-kafka     = { from = "kafka", to = "kafka" }
      kafka-endpoints = { from = "kafka", to = "endpoints" }
    },
  )

  open_https = local.internet || !local.make
}

resource "aws_security_group" "this" {
  # checkov:skip=CKV2_AWS_5:false positive: the groups are attached by other modules, through this module's outputs
  for_each = local.groups

  name        = "${var.name}-${each.key}"
  description = each.value
  vpc_id      = local.vpc_id
  tags        = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_security_group_egress_rule" "path" {
  for_each = local.paths

  security_group_id            = aws_security_group.this[each.value.from].id
  referenced_security_group_id = aws_security_group.this[each.value.to].id
  ip_protocol                  = "tcp"
  from_port                    = local.ports[each.value.to]
  to_port                      = local.ports[each.value.to]
  description                  = each.key
}

resource "aws_vpc_security_group_ingress_rule" "path" {
  for_each = local.paths

  security_group_id            = aws_security_group.this[each.value.to].id
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  ip_protocol                  = "tcp"
  from_port                    = local.ports[each.value.to]
  to_port                      = local.ports[each.value.to]
  description                  = each.key
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  for_each = local.make ? toset(concat(local.clients, ["kafka"])) : toset([])

  security_group_id = aws_security_group.this[each.key].id
  prefix_list_id    = aws_vpc_endpoint.s3[0].prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "S3"
}

resource "aws_vpc_security_group_egress_rule" "https" {
  for_each = local.open_https ? toset(concat(local.clients, ["kafka"])) : toset([])

  security_group_id = aws_security_group.this[each.key].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "AWS services"
}

# Egress to an existing MSK cluster or Postgres. Its owner must admit the groups of the functions and of the host.
resource "aws_vpc_security_group_egress_rule" "existing" {
  for_each = merge([for client in local.clients : {
    for name, service in var.existing_services : client == "functions" ? name : "${client}-${name}" => merge(service, { from = client })
  }]...)

  security_group_id            = aws_security_group.this[each.value.from].id
  referenced_security_group_id = each.value.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = each.key
}
