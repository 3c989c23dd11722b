# The functions behind a URL: what they are told, and who may call them.

variable "telemetry" {
  description = "telemetry-gateway: the topic that it produces to; who may call it (`token`: whoever shows the token, which is made unless `token_secret_arn` names a secret whose text it is; `iam`: who may invoke the URL; `none`: anybody); the largest body, and how long the brokers may take."
  type = object({
    topic                   = optional(string, "telemetry-v1")
    auth                    = optional(string, "token")
    token_secret_arn        = optional(string)
    body_limit_bytes        = optional(number, 1048576)
    produce_timeout_seconds = optional(number, 5)
  })
  default = {}

  validation {
    condition     = contains(["token", "iam", "none"], var.telemetry.auth)
    error_message = "auth is token, iam or none."
  }

  validation {
    condition     = var.telemetry.token_secret_arn == null ? true : var.telemetry.auth == "token" && can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+$", var.telemetry.token_secret_arn))
    error_message = "token_secret_arn is arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME, and goes together with auth token."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]{1,249}$", var.telemetry.topic))
    error_message = "topic is a topic's name: letters, digits, ., _ and - (a permission is written with it)."
  }

  validation {
    condition     = var.telemetry.body_limit_bytes >= 1 && var.telemetry.body_limit_bytes <= 4194304 && floor(var.telemetry.body_limit_bytes) == var.telemetry.body_limit_bytes
    error_message = "body_limit_bytes is 1 to 4194304: Lambda takes 6 MB, in which a body that is not text is a third larger."
  }

  validation {
    condition     = var.telemetry.produce_timeout_seconds >= 1 && var.telemetry.produce_timeout_seconds < var.sizes.telemetry_gateway.timeout_seconds
    error_message = "produce_timeout_seconds is at least 1 and less than the function's timeout: the client is to get an answer, not a 502."
  }
}

variable "board" {
  description = "live-board: who may see it. `iam`: who may invoke the URL. `none`: anybody who finds it, for the local stack."
  type = object({
    auth = optional(string, "iam")
  })
  default = {}

  validation {
    condition     = contains(["iam", "none"], var.board.auth)
    error_message = "auth is iam or none."
  }
}

variable "url_invoke_permissions" {
  description = "Whether URLs that anybody may call get the permission to invoke that AWS asks for since October 2025. False on the emulator, which does not ask for it."
  type        = bool
  default     = true
}
