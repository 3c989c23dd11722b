# The permissions that are needed to apply environments/aws, as documents for managed policies. The module creates no
# resources and needs no provider:
#
#     terraform -chdir=terraform/deployer apply -auto-approve -var account=123456789012 -var region=eu-central-1
#     terraform -chdir=terraform/deployer output -json policies | jq -r .functions > headwater-functions.json
#
# If AWS supports resources for an action, the statement names them exactly, up to the prefix. Otherwise it has "*",
# with the reason.

terraform {
  required_version = ">= 1.11"
}

locals {
  regional = "${var.region}:${var.account}"
  # arn:PARTITION:SERVICE:REGION:ACCOUNT
  arns = { for service in [
    "application-autoscaling", "cloudwatch", "ec2", "emr-serverless", "glue", "kafka", "kms", "lambda", "logs", "rds", "scheduler",
    "secretsmanager", "servicequotas", "sns", "sqs", "ssm", "states",
  ] : service => "arn:${var.partition}:${service}:${local.regional}" }
  roles = "arn:${var.partition}:iam::${var.account}:role"

  # environments/aws sets this tag on every resource that supports tags.
  own = { StringEquals = { "aws:ResourceTag/project" = "headwater" } }

  statements = {
    network       = concat(local.network, local.nat_instance)
    data          = local.data
    storage       = local.storage
    functions     = local.functions
    observability = local.observability
    roles         = local.iam
    host          = local.host
  }

  policies = { for name, statements in local.statements : name => jsonencode({
    Version   = "2012-10-17"
    Statement = [for statement in statements : merge({ Effect = "Allow" }, statement)]
  }) }

  # `terraform plan` needs only the reading actions of the same statements. Actions that read data instead of settings
  # (objects, secrets, records) are left out. The exception is the deployment bucket, from which Terraform reads the
  # checksums of uploaded files. kms:Decrypt is limited to the same services; with it, a customer-managed key does not
  # hide a function's variables from a plan.
  reads = { for name, statements in local.statements : name => [
    for statement in statements : merge(statement, { Action = [
      for action in flatten([statement.Action]) : action
      if can(regex("^[a-z0-9-]+:(Describe|Get|List|Validate|View)|^kms:Decrypt$|^kafka-cluster:Connect$", action)) && !contains(local.contents, action)
    ] }) if lookup(statement, "Effect", "Allow") == "Allow"
  ] }
  contents = concat(
    ["s3:GetObject", "s3:GetObjectTagging", "s3:GetObjectVersion", "secretsmanager:GetRandomPassword"],
    var.plan_reads_secrets ? [] : ["secretsmanager:GetSecretValue"],
  )

  read_statements = merge(local.reads, {
    storage = concat(local.reads["storage"], [
      {
        Sid      = "Uploads"
        Action   = ["s3:GetObject", "s3:GetObjectTagging", "s3:GetObjectVersion"]
        Resource = "arn:${var.partition}:s3:::${var.name}-*-deploy-${var.account}-${var.region}/*"
      },
      {
        Sid      = "ReadState"
        Action   = ["s3:GetObject"]
        Resource = "arn:${var.partition}:s3:::${local.state_bucket}/${var.state_prefix}*"
      },
    ])
  })

  read_policies = { for name, statements in local.read_statements : name => jsonencode({
    Version   = "2012-10-17"
    Statement = [for statement in statements : merge({ Effect = "Allow" }, statement) if length(statement.Action) > 0]
  }) }
}

output "read_policies" {
  description = "Documents of the managed policies for a user who only plans: the reading actions of `policies`, and access to the state."
  value       = local.read_policies
}

output "policies" {
  description = "One document for each managed policy. `host` is needed only with the host."
  value       = local.policies

  precondition {
    condition     = alltrue([for policy in local.policies : length(policy) <= 6144])
    error_message = "IAM's limit for a managed policy is 6,144 characters, and ${join(", ", [for name, policy in local.policies : name if length(policy) > 6144])} exceeds it: choose a shorter name."
  }
}
