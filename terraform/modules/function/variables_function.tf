# The variable `function`, with one type for every module that creates a function. Terraform cannot share types between
# modules, so the other modules link to this file.

variable "function" {
  description = "The function. `name`: name of the function and its log group; with `role_suffix`, also of its role. `code`: zip file with the executable `bootstrap`, and its SHA-256 in base64 (null if the zip is not built). `memory_mb`: memory; CPU grows with it (1,769 MB are one vCPU). `timeout_seconds`: timeout of one invocation. `reserved_concurrency`: concurrency that is reserved for the function and is also its limit (-1 for no reservation). `environment`: environment variables, without secrets (functions read secrets from Secrets Manager when they start). `policy_statements`: permissions of the role besides its log, with exact ARNs. `network`: subnets and security groups; null outside a VPC. `versions`: whether each change is published as a version; the alias `live` moves to it after the steps in `start_after`. False on the local stack, where functions are invoked without an alias and `headwater up` migrates before it applies. `held_version`: version at which `live` stays while new versions are published; null moves `live` to each new version. `role_suffix`: distinguishes the roles of several regions, because IAM is global. `kms_key_arn`: customer-managed key that encrypts variables, log and queues; the role may use it."
  type = object({
    name        = string
    description = optional(string, "")
    code = object({
      bucket = string
      key    = string
      hash   = optional(string)
    })
    architecture         = optional(string, "arm64")
    memory_mb            = number
    timeout_seconds      = number
    reserved_concurrency = optional(number, -1)
    environment          = optional(map(string), {})
    log_level            = optional(string, "warn")
    log_retention_days   = optional(number, 30)
    policy_statements = optional(list(object({
      sid       = string
      effect    = optional(string, "Allow")
      actions   = list(string)
      resources = list(string)
      condition = optional(map(map(list(string))), {})
    })), [])
    network = optional(object({
      subnet_ids         = list(string)
      security_group_ids = list(string)
    }))
    versions                 = optional(bool, true)
    held_version             = optional(string)
    role_suffix              = optional(string, "")
    permissions_boundary_arn = optional(string)
    kms_key_arn              = optional(string)
  })

  validation {
    condition     = can(regex("^[a-zA-Z0-9-_]{1,64}$", var.function.name)) && !strcontains(var.function.name, "--") && length("${var.function.name}${var.function.role_suffix}") <= 64
    error_message = "A function's name must have 1 to 64 letters, digits, - and _, without two consecutive hyphens. Name and role_suffix together must have at most 64 characters, because they name the role."
  }

  validation {
    condition     = var.function.held_version == null ? true : can(regex("^[1-9][0-9]*$", var.function.held_version))
    error_message = "held_version must be the number of a version: aws lambda list-versions-by-function shows them."
  }

  validation {
    condition     = contains(["arm64", "x86_64"], var.function.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }

  validation {
    condition     = var.function.memory_mb >= 128 && var.function.memory_mb <= 10240
    error_message = "memory_mb must be 128 to 10240."
  }

  validation {
    condition     = var.function.timeout_seconds >= 1 && var.function.timeout_seconds <= 900
    error_message = "timeout_seconds must be 1 to 900."
  }

  validation {
    condition     = contains(["error", "warn", "info", "debug", "trace"], var.function.log_level)
    error_message = "log_level must be error, warn, info, debug or trace."
  }

  validation {
    condition     = !anytrue([for statement in var.function.policy_statements : contains(statement.resources, "*") && !startswith(statement.sid, "Describe")])
    error_message = "Only a statement whose sid begins with Describe may have the resource `*`: Describe actions do not support resources."
  }

  validation {
    condition     = !anytrue([for action in flatten(var.function.policy_statements[*].actions) : strcontains(action, "*")])
    error_message = "Name each action: no `*` in actions."
  }
}
