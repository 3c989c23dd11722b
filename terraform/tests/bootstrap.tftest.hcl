# The resources before the first deployment: the state bucket, and the roles of GitHub's workflow.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  region = "eu-central-1"
}

run "without_github_there_is_only_the_bucket" {
  command = plan

  module {
    source = "./environments/bootstrap"
  }

  assert {
    condition     = aws_s3_bucket.state.bucket == "headwater-state-111122223333-eu-central-1"
    error_message = "scripts/deploy expects this name of the bucket."
  }

  assert {
    condition     = length(aws_iam_role.github) == 0 && length(aws_iam_policy.github) == 0 && length(aws_iam_openid_connect_provider.github) == 0
    error_message = "Without `github` there are no roles."
  }
}

run "the_state_bucket_is_private_and_keeps_old_states" {
  command = plan

  module {
    source = "./environments/bootstrap"
  }

  assert {
    condition     = alltrue([for name in ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"] : aws_s3_bucket_public_access_block.state[name]])
    error_message = "All four kinds of public access are blocked."
  }

  assert {
    condition     = aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled" && one(aws_s3_bucket_server_side_encryption_configuration.state.rule[*].apply_server_side_encryption_by_default[0].sse_algorithm) == "AES256"
    error_message = "Old states are kept, and encrypted."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.state.rule[0].noncurrent_version_expiration[0].noncurrent_days == 90 && aws_s3_bucket_lifecycle_configuration.state.rule[0].expiration[0].expired_object_delete_marker
    error_message = "Old versions expire."
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.state.policy).Statement[0].Condition == { Bool = { "aws:SecureTransport" = "false" } } && jsondecode(aws_s3_bucket_policy.state.policy).Statement[0].Effect == "Deny"
    error_message = "Requests without TLS are refused."
  }
}

run "each_role_trusts_exactly_its_jobs" {
  command = plan

  variables {
    github = { repository = "acme/headwater" }
  }

  module {
    source = "./environments/bootstrap"
  }

  assert {
    condition = { for role, settings in aws_iam_role.github : role => jsondecode(settings.assume_role_policy).Statement[0].Condition } == {
      plan = { StringEquals = {
        "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:sub" = ["repo:acme/headwater:pull_request", "repo:acme/headwater:ref:refs/heads/main"]
      } }
      apply = { StringEquals = {
        "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:sub" = ["repo:acme/headwater:environment:production"]
      } }
    }
    error_message = "A pull request plans, the environment applies, and no subject is a pattern."
  }

  assert {
    condition     = alltrue([for settings in aws_iam_role.github : length(jsondecode(settings.assume_role_policy).Statement) == 1 && endswith(jsondecode(settings.assume_role_policy).Statement[0].Principal.Federated, ":oidc-provider/token.actions.githubusercontent.com")])
    error_message = "Only GitHub's provider is trusted."
  }

  assert {
    condition     = alltrue([for settings in aws_iam_role.github : startswith(settings.name, "github-headwater-") && endswith(settings.name, "-eucentral1")])
    error_message = "The workflow's roles must not begin with headwater-, because the apply role may change such roles; and they contain the region."
  }
}

run "an_immutable_subject_is_taken_as_it_is" {
  command = plan

  variables {
    github = { repository = "acme@1234/headwater@5678", environment = "live", branch = "trunk", oidc_provider_arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com" }
  }

  module {
    source = "./environments/bootstrap"
  }

  assert {
    condition     = jsondecode(aws_iam_role.github["apply"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == ["repo:acme@1234/headwater@5678:environment:live"]
    error_message = "Newer repositories have ids in the subjects of their tokens."
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0 && jsondecode(aws_iam_role.github["plan"].assume_role_policy).Statement[0].Principal.Federated == "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
    error_message = "An account has one provider of GitHub's, which may exist already."
  }
}

run "the_role_that_applies_has_the_policies_of_the_deployer" {
  command = plan

  variables {
    github                   = { repository = "acme/headwater" }
    permissions_boundary_arn = "arn:aws:iam::111122223333:policy/boundary"
  }

  module {
    source = "./environments/bootstrap"
  }

  assert {
    condition     = { for name, document in module.deployer.policies : "apply-${name}" => document } == { for name, policy in aws_iam_policy.github : name => policy.policy if startswith(name, "apply-") }
    error_message = "The apply role has exactly the deployer's policies."
  }

  assert {
    condition     = strcontains(aws_iam_policy.github["apply-roles"].policy, "iam:PermissionsBoundary") && alltrue([for policy in aws_iam_policy.github : length(policy.policy) <= 6144])
    error_message = "Roles need the boundary, and IAM takes 6,144 characters."
  }

  assert {
    condition     = length([for name in keys(aws_iam_policy.github) : name if startswith(name, "apply-")]) <= 10 && length(aws_iam_role_policy_attachment.github) == length(aws_iam_policy.github)
    error_message = "IAM attaches ten policies to a role."
  }
}

run "the_plan_role_has_only_reading_actions_and_reads_no_data" {
  command = plan

  variables {
    github = { repository = "acme/headwater" }
  }

  module {
    source = "./environments/bootstrap"
  }

  assert {
    condition = alltrue(flatten([for name, policy in aws_iam_policy.github : [
      for statement in jsondecode(policy.policy).Statement : [
        for action in flatten([statement.Action]) : can(regex("^[a-z0-9-]+:(Describe|Get|List|Validate|View)[A-Za-z0-9]*$|^kms:Decrypt$|^kafka-cluster:Connect$", action))
      ] if statement.Effect == "Allow"
    ] if startswith(name, "plan-")]))
    error_message = "Only reading actions."
  }

  assert {
    condition     = !anytrue([for name, policy in aws_iam_policy.github : strcontains(policy.policy, "secretsmanager:GetSecretValue") if startswith(name, "plan-")])
    error_message = "The plan role may not read secrets, because it runs code of pull requests."
  }

  assert {
    condition = toset(flatten([for name, policy in aws_iam_policy.github : [
      for statement in jsondecode(policy.policy).Statement : statement.Resource if contains(flatten([statement.Action]), "s3:GetObject")
    ] if startswith(name, "plan-")])) == toset(["arn:aws:s3:::headwater-*-deploy-111122223333-eu-central-1/*", "arn:aws:s3:::headwater-state-111122223333-eu-central-1/headwater/*"])
    error_message = "The plan role may read only the objects of the state and of the deployment bucket."
  }
}

run "a_repository_that_is_a_pattern_is_refused" {
  command = plan

  variables {
    github = { repository = "acme/*" }
  }

  module {
    source = "./environments/bootstrap"
  }

  expect_failures = [var.github]
}

run "an_environment_that_is_a_pattern_is_refused" {
  command = plan

  variables {
    github = { repository = "acme/headwater", environment = "*" }
  }

  module {
    source = "./environments/bootstrap"
  }

  expect_failures = [var.github]
}

run "a_deployment_that_could_change_the_roles_of_the_workflow_is_refused" {
  command = plan

  variables {
    name = "github-shop"
  }

  module {
    source = "./environments/bootstrap"
  }

  expect_failures = [var.name]
}
