variable "name" {
  description = "Name of the stack, such as headwater-prod; the host is <name>-host."
  type        = string
}

variable "role" {
  description = "The roles: `suffix` follows their names (IAM is one for all regions), and their permissions boundary."
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
  description = "The instance: an arm64 `type`, size of its disk, image (`ami_id`; null takes the newest Amazon Linux 2023 when the instance is made, and leaves a running one alone), and a KMS key of the owner's for the disk (null is AWS's)."
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
    error_message = "Amazon Linux takes 8 GB: volume_gb is a whole number from 10."
  }

  validation {
    condition     = var.instance.ami_id == null ? true : can(regex("^ami-[0-9a-f]+$", var.instance.ami_id))
    error_message = "ami_id must be the id of an image, such as ami-0123456789abcdef0."
  }
}

variable "hours" {
  description = "When the host is stopped and started again, in `time_zone`. Null: it always runs."
  type = object({
    stop      = string
    start     = string
    time_zone = optional(string, "UTC")
  })
  default = null

  validation {
    condition     = var.hours == null ? true : alltrue([for expression in [var.hours.stop, var.hours.start] : can(regex("^cron\\(.+\\)$", expression))])
    error_message = "Hours are cron(…): a rate would stop and start the host in turn."
  }

  validation {
    condition     = var.hours == null ? true : can(regex("^(UTC|[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_+-]+)+)$", var.hours.time_zone))
    error_message = "time_zone must be a name of the IANA database, such as America/Sao_Paulo or UTC."
  }
}

variable "patch_schedule" {
  description = "When security updates are installed, as cron(…) in UTC. The host is restarted where an update needs it. A host that is stopped at that time waits for the next."
  type        = string
  default     = "cron(0 4 ? * WED *)"
  nullable    = false

  validation {
    condition     = can(regex("^cron\\(.+\\)$", var.patch_schedule))
    error_message = "patch_schedule must be cron(…): with a rate SSM would patch, and restart, the host at its first boot."
  }
}

variable "network" {
  description = "A private subnet, and the security groups of the host. From there it reaches S3, ssm, ssmmessages and what operators ask: lambda, logs, sqs, secretsmanager, Kafka and Postgres."
  type = object({
    subnet_id          = string
    security_group_ids = list(string)
  })
}

variable "deployment" {
  description = "The bucket from which the host installs its software: whoever may write there decides what runs on the host."
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
