variable "name" {
  description = "Name of the stack, such as headwater-prod; the host is <name>-host."
  type        = string
}

variable "role" {
  description = "Settings of the roles: `suffix` is appended to their names (IAM is global), and their permissions boundary."
  type = object({
    suffix                   = optional(string, "")
    permissions_boundary_arn = optional(string)
  })
  default = {}

  validation {
    condition     = length("${var.name}-host-hours${var.role.suffix}") <= 64
    error_message = "A role's name has at most 64 characters: shorten the name."
  }
}

variable "instance" {
  description = "The instance: an arm64 `type`, the size of its disk, its image (`ami_id`; null: the newest Amazon Linux 2023 when the instance is created; an existing instance keeps its image), and a customer-managed KMS key for the disk (null: AWS's key)."
  type = object({
    type        = optional(string, "t4g.small")
    volume_gb   = optional(number, 20)
    ami_id      = optional(string)
    kms_key_arn = optional(string)
  })
  default = {}

  validation {
    condition     = can(regex("^[a-z]+[0-9]+g[a-z]*\\.[a-z0-9-]+$", var.instance.type))
    error_message = "The headwater command is built for arm64: choose a type with a Graviton processor, such as t4g.small or m7g.large."
  }

  validation {
    condition     = var.instance.volume_gb >= 10 && floor(var.instance.volume_gb) == var.instance.volume_gb
    error_message = "volume_gb must be a whole number from 10, because Amazon Linux needs 8 GB."
  }

  validation {
    condition     = var.instance.ami_id == null ? true : can(regex("^ami-[0-9a-f]+$", var.instance.ami_id))
    error_message = "ami_id must be the id of an image, such as ami-0123456789abcdef0."
  }
}

variable "hours" {
  description = "Schedules that stop and start the host, in `time_zone`. Null: the host always runs."
  type = object({
    stop      = string
    start     = string
    time_zone = optional(string, "UTC")
  })
  default = null

  validation {
    condition     = var.hours == null ? true : alltrue([for expression in [var.hours.stop, var.hours.start] : can(regex("^cron\\(.+\\)$", expression))])
    error_message = "stop and start must be cron(…). With rate(…), the host would stop and start alternately."
  }

  validation {
    condition     = var.hours == null ? true : can(regex("^(UTC|[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_+-]+)+)$", var.hours.time_zone))
    error_message = "time_zone must be a name of the IANA database, such as America/Sao_Paulo or UTC."
  }
}

variable "patch_schedule" {
  description = "When security updates are installed, as cron(…) in UTC. The host is restarted if an update needs it. A host that is stopped at that time is updated at the next one."
  type        = string
  default     = "cron(0 4 ? * WED *)"
  nullable    = false

  validation {
    condition     = can(regex("^cron\\(.+\\)$", var.patch_schedule))
    error_message = "patch_schedule must be cron(…): with rate(…), SSM would patch and restart the host during its first boot."
  }
}

variable "network" {
  description = "A private subnet, and the security groups of the host. From there the host must reach S3, ssm, ssmmessages, and the services that operators call: lambda, logs, sqs, secretsmanager, Kafka and Postgres."
  type = object({
    subnet_id          = string
    security_group_ids = list(string)
  })
}

variable "deployment" {
  description = "The bucket from which the host installs its software. Write access to this bucket is control over the host."
  type = object({
    bucket     = string
    bucket_arn = string
  })
}

variable "artifacts_dir" {
  description = "Folder with headwater.zip (the command, for arm64) and host-tools.tar.gz (`scripts/host-tools` makes it)."
  type        = string
}

variable "alarms" {
  description = "The alarm on failed status checks, and the SNS topics that it notifies; null for none."
  type = object({
    topic_arns = optional(list(string), [])
  })
  default = null
}
