variable "name" {
  description = "Prefix of the names of the deployments: `name` of environments/aws."
  type        = string
  default     = "headwater"

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])*$", var.name)) && var.name != "github" && !startswith(var.name, "github-")
    error_message = "name must have lower-case letters, digits and single hyphens, and begin with a letter, but not with github: that prefix is reserved for the roles of the workflow, so that a deployment cannot change them."
  }
}

variable "old_states_days" {
  description = "Days for which old versions of the states are kept. They allow you to restore a damaged state."
  type        = number
  default     = 90

  validation {
    condition     = var.old_states_days >= 1
    error_message = "old_states_days must be at least 1."
  }
}

variable "github" {
  description = "The repository whose workflow plans and applies; null for no roles. `repository`: the part after `repo:` in the subject of its tokens. It is OWNER/NAME, or OWNER@ID/NAME@ID for repositories that were created, renamed or transferred after July 2026 (check with `gh api repos/OWNER/NAME/actions/oidc/customization/sub`). `environment`: the GitHub environment in which the workflow applies. `branch`: the branch whose pushes it plans. `oidc_provider_arn`: ARN of GitHub's OIDC provider if the account already has it, because an account can have only one. `plan_reads_secrets`: see terraform/deployer. `permissions_boundary_arn`: permissions boundary of both roles."
  type = object({
    repository               = string
    environment              = optional(string, "production")
    branch                   = optional(string, "main")
    oidc_provider_arn        = optional(string)
    plan_reads_secrets       = optional(bool, false)
    permissions_boundary_arn = optional(string)
  })
  default = null

  validation {
    condition     = var.github == null ? true : can(regex("^[A-Za-z0-9-]+(@[0-9]+)?/[A-Za-z0-9._-]+(@[0-9]+)?$", var.github.repository))
    error_message = "github.repository must have the form OWNER/NAME, or OWNER@ID/NAME@ID."
  }

  validation {
    # A colon would end the name in a token's subject, and * is a wildcard in other policies.
    condition     = var.github == null ? true : can(regex("^[A-Za-z0-9 ._/-]+$", var.github.environment)) && can(regex("^[A-Za-z0-9._/-]+$", var.github.branch))
    error_message = "github.environment and github.branch must be names without `:` and `*`."
  }

  validation {
    condition     = try(var.github.oidc_provider_arn, null) == null ? true : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.github.oidc_provider_arn))
    error_message = "github.oidc_provider_arn must have the form arn:aws:iam::ACCOUNT:oidc-provider/token.actions.githubusercontent.com."
  }
}

variable "tags" {
  description = "Additional tags on all resources, besides `project`."
  type        = map(string)
  default     = {}
}
