# The function: one typed object for every module that makes one. The modules around this one link to this file, because
# Terraform has no types that modules could share otherwise.

variable "function" {
  description = "The function: `name` (of the function and its log group; also of its role, with `role_suffix`), `code` (zip file with the executable `bootstrap`, and its SHA-256 in base64, null while it is not built), size (`memory_mb`; CPU grows with it, 1,769 MB are one core), the longest run of one invocation, `reserved_concurrency` (kept for it, and the most that it gets; -1 for no reservation), `environment` (no secrets: those are read from Secrets Manager at start), what its role may do beyond writing its log (`policy_statements`: exact ARNs), subnets and security groups (`network`; null outside a VPC). `versions`: whether each change is published as a version, and the alias `live` moves to it after what `start_after` names; false on the local stack, where the bridge and its users invoke a function by its plain name, and `headwater up` migrates before it applies. `held_version` keeps `live` at that version, while a new one is published beside it; null lets `live` follow. `role_suffix` keeps roles of two regions apart: IAM is one for all of them. `kms_key_arn` encrypts variables, log and queues with a key of the owner's; the role may use it."
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
    error_message = "A function's name has 1 to 64 letters, digits, - and _, no two hyphens together, and with role_suffix at most 64 characters in all (a role's name)."
  }

  validation {
    condition     = var.function.held_version == null ? true : can(regex("^[1-9][0-9]*$", var.function.held_version))
    error_message = "held_version must be the number of a version: aws lambda list-versions-by-function shows them."
  }

  validation {
    condition     = contains(["arm64", "x86_64"], var.function.architecture)
    error_message = "Lambda knows the architectures arm64 and x86_64."
  }

  validation {
    condition     = var.function.memory_mb >= 128 && var.function.memory_mb <= 10240
    error_message = "Lambda gives 128 to 10,240 MB of memory."
  }

  validation {
    condition     = var.function.timeout_seconds >= 1 && var.function.timeout_seconds <= 900
    error_message = "Lambda's timeout is 1 to 900 s."
  }

  validation {
    condition     = contains(["error", "warn", "info", "debug", "trace"], var.function.log_level)
    error_message = "Levels of the log are error, warn, info, debug and trace."
  }

  validation {
    condition     = !anytrue([for statement in var.function.policy_statements : contains(statement.resources, "*") && !startswith(statement.sid, "Describe")])
    error_message = "A statement on all resources is only for Describe actions, which know nothing finer; name its sid Describe…"
  }

  validation {
    condition     = !anytrue([for action in flatten(var.function.policy_statements[*].actions) : strcontains(action, "*")])
    error_message = "Name each action: no `*` in actions."
  }
}
