output "vpc_id" {
  description = "The VPC."
  value       = local.vpc_id
}

# Users of a subnet or group may open connections at once. So these outputs are available only after the routes and
# rules exist, and the routes and rules are destroyed after their users.
output "subnet_ids" {
  description = "The private subnets, one per zone, available after their routes exist."
  value       = local.subnet_ids

  depends_on = [aws_route_table_association.private, aws_route.nat, aws_route_table_association.public, aws_vpc_endpoint.s3, aws_vpc_endpoint.interface, aws_instance.nat]
}

output "security_group_ids" {
  description = "Security group by role (functions, kafka, database, endpoints, and host if it is enabled), available after their rules exist."
  value       = { for name, group in aws_security_group.this : name => group.id }

  depends_on = [
    aws_vpc_security_group_egress_rule.path, aws_vpc_security_group_ingress_rule.path, aws_vpc_security_group_egress_rule.s3,
    aws_vpc_security_group_egress_rule.https, aws_vpc_security_group_egress_rule.existing,
  ]
}

output "nat_public_ips" {
  description = "Public addresses of the NAT gateways or the NAT instance, for services that admit clients by address; empty without NAT."
  value       = concat(aws_eip.nat[*].public_ip, aws_eip.nat_instance[*].public_ip)
}

output "interface_endpoints" {
  description = "AWS services that have an interface endpoint."
  value       = sort(local.interface_endpoints)
}
