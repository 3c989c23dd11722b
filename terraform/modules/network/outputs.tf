output "vpc_id" {
  description = "The VPC."
  value       = local.vpc_id
}

output "subnet_ids" {
  description = "The private subnets, one per zone."
  value       = local.subnet_ids
}

output "security_group_ids" {
  description = "Security group by role: functions, kafka, database, endpoints."
  value       = { for name, group in aws_security_group.this : name => group.id }
}

output "interface_endpoints" {
  description = "AWS services that have an interface endpoint."
  value       = sort(local.interface_endpoints)
}
