output "arn" {
  description = "ARN of the role, available after its policy is attached."
  value       = aws_iam_role.this.arn

  depends_on = [aws_iam_role_policy.this]
}

output "role" {
  description = "The role's name and permissions boundary."
  value       = { name = aws_iam_role.this.name, permissions_boundary_arn = aws_iam_role.this.permissions_boundary }
}
