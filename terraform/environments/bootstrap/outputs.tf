output "state_bucket" {
  description = "The bucket of Terraform's states. scripts/deploy finds it automatically."
  value       = aws_s3_bucket.state.id
}

output "github_variables" {
  description = "Variables to set in the GitHub repository for .github/workflows/deploy.yml; {} without roles."
  value = var.github == null ? {} : {
    AWS_REGION     = var.region
    AWS_PLAN_ROLE  = aws_iam_role.github["plan"].arn
    AWS_APPLY_ROLE = aws_iam_role.github["apply"].arn
  }
}
