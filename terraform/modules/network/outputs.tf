output "vpc_id" {
  description = "The VPC."
  value       = local.vpc_id
}

# Whoever uses a subnet or a group may open connections at once: the way out and the rules are there by then, and are
# destroyed after whoever uses them.
output "subnet_ids" {
  description = "The private subnets, one per zone, once they have their way out."
  value       = local.subnet_ids

  depends_on = [aws_route_table_association.private, aws_route.nat, aws_route_table_association.public, aws_vpc_endpoint.s3, aws_vpc_endpoint.interface, aws_instance.nat]
}

output "security_group_ids" {
  description = "Security group by role (functions, kafka, database, endpoints, and host where there is one), once they have their rules."
  value       = { for name, group in aws_security_group.this : name => group.id }

  depends_on = [
    aws_vpc_security_group_egress_rule.path, aws_vpc_security_group_ingress_rule.path, aws_vpc_security_group_egress_rule.s3,
    aws_vpc_security_group_egress_rule.https, aws_vpc_security_group_egress_rule.existing,
  ]
}

output "nat_public_ips" {
  description = "Public addresses of the NAT gateways or of the NAT instance, for whoever admits callers by address; empty without NAT."
  value       = concat(aws_eip.nat[*].public_ip, aws_eip.nat_instance[*].public_ip)
}

output "interface_endpoints" {
  description = "AWS services that have an interface endpoint."
  value       = sort(local.interface_endpoints)
}
