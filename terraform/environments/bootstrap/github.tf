# The roles of the workflow (.github/workflows/deploy.yml). The workflow needs no access keys: GitHub signs a token for
# each job, and AWS grants the role to a token whose subject is exactly one of those below.

locals {
  issuer = "token.actions.githubusercontent.com"
  # IAM is global, so the names contain the region. They have another prefix than the roles of a deployment, because the
  # apply role may change those.
  suffix = replace(var.region, "-", "")

  provider_arn = var.github == null ? null : coalesce(var.github.oidc_provider_arn, one(aws_iam_openid_connect_provider.github[*].arn))

  # The token of a job with an environment names the environment and no branch. The rules of that GitHub environment
  # decide which branches may use it.
  roles = var.github == null ? {} : {
    plan = {
      about    = "Plans deployments of ${var.name} and changes nothing"
      subjects = ["pull_request", "ref:refs/heads/${var.github.branch}"]
      policies = module.deployer.read_policies
      hours    = 1
    }
    apply = {
      about    = "Applies deployments of ${var.name}"
      subjects = ["environment:${var.github.environment}"]
      policies = module.deployer.policies
      hours    = 2 # a first apply takes most of an hour; then the smoke test and the observation of alarms follow
    }
  }

  documents = merge([for role, settings in local.roles : {
    for subject, document in settings.policies : "${role}-${subject}" => { role = role, document = document }
  }]...)
}

module "deployer" {
  source = "../../deployer"

  account                  = local.account
  region                   = var.region
  partition                = data.aws_partition.current.partition
  name                     = var.name
  state_bucket             = local.bucket
  permissions_boundary_arn = var.permissions_boundary_arn
  plan_reads_secrets       = try(var.github.plan_reads_secrets, false)
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.github != null && try(var.github.oidc_provider_arn, null) == null ? 1 : 0

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "github" {
  for_each = local.roles

  name                 = "github-${var.name}-${each.key}-${local.suffix}"
  description          = each.value.about
  max_session_duration = each.value.hours * 3600
  permissions_boundary = var.github.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = local.provider_arn }
      Condition = { StringEquals = {
        "${local.issuer}:aud" = "sts.amazonaws.com"
        "${local.issuer}:sub" = [for subject in each.value.subjects : "repo:${var.github.repository}:${subject}"]
      } }
    }]
  })
}

resource "aws_iam_policy" "github" {
  for_each = local.documents

  name        = "github-${var.name}-${each.key}-${local.suffix}"
  description = "Part of ${aws_iam_role.github[each.value.role].name}: terraform/deployer"
  policy      = each.value.document
}

resource "aws_iam_role_policy_attachment" "github" {
  for_each = local.documents

  role       = aws_iam_role.github[each.value.role].name
  policy_arn = aws_iam_policy.github[each.key].arn
}
