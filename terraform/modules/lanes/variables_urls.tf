# The functions with a URL: their settings, and who may call them.

variable "telemetry" {
  description = "Settings of telemetry-gateway. `topic`: the topic that it produces to. `auth`: who may call it. With `token`, callers send a token, which is generated unless `token_secret_arn` names an existing secret that contains it as plain text. With `iam`, callers need permission to invoke the URL. With `none`, everyone may call it. `body_limit_bytes`: maximum size of a request body. `produce_timeout_seconds`: how long to wait for the brokers."
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
    error_message = "auth must be token, iam or none."
  }

  validation {
    condition     = var.telemetry.token_secret_arn == null ? true : var.telemetry.auth == "token" && can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+$", var.telemetry.token_secret_arn))
    error_message = "token_secret_arn must have the form arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME, and requires auth = token."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]{1,249}$", var.telemetry.topic))
    error_message = "topic must have only letters, digits, ., _ and - (it becomes part of IAM policies)."
  }

  validation {
    condition     = var.telemetry.body_limit_bytes >= 1 && var.telemetry.body_limit_bytes <= 4194304 && floor(var.telemetry.body_limit_bytes) == var.telemetry.body_limit_bytes
    error_message = "body_limit_bytes must be 1 to 4194304: Lambda's limit for a request is 6 MB, and base64 makes a binary body a third larger."
  }

  validation {
    condition     = var.telemetry.produce_timeout_seconds >= 1 && var.telemetry.produce_timeout_seconds < var.sizes.telemetry_gateway.timeout_seconds
    error_message = "produce_timeout_seconds must be at least 1 and less than the function's timeout, so that the client gets an answer instead of a 502."
  }
}

variable "board" {
  description = "Settings of live-board. `auth`: who may open it. With `iam`, callers need permission to invoke the URL. With `none`, everyone who knows the URL may open it; for the local stack."
  type = object({
    auth = optional(string, "iam")
  })
  default = {}

  validation {
    condition     = contains(["iam", "none"], var.board.auth)
    error_message = "auth must be iam or none."
  }
}

variable "url_invoke_permissions" {
  description = "Whether public URLs get the permission InvokeFunction, which AWS requires since October 2025. False on the emulator, which does not require it."
  type        = bool
  default     = true
}
