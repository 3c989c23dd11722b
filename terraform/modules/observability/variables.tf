variable "name" {
  description = "Prefix of the names of the dashboard, the alarm topic and the budget; the region follows. It is also the value of the tag `deployment`, which a budget can use as a filter."
  type        = string

  validation {
    condition     = length(var.name) <= 42 && can(regex("^[a-z](-?[a-z0-9])*$", var.name))
    error_message = "name must have at most 42 lower-case letters, digits and single hyphens, and begin with a letter. With the region and -alarms the limit is 64 characters."
  }
}

variable "environment" {
  description = "Name of the environment, as in the functions' metrics."
  type        = string
}

variable "function_names" {
  description = "Functions to show."
  type        = list(string)
}

variable "mappings" {
  description = "Mappings whose lag and records are shown."
  type = list(object({
    function_name  = string
    topic          = string
    consumer_group = string
  }))
}

variable "queues" {
  description = "Queues whose length, age and dead letters are shown, with the records of their functions."
  type = list(object({
    function_name    = string
    name             = string
    dead_letter_name = string
  }))
  default = []
}

variable "url_function_names" {
  description = "Functions with a URL, whose requests, refusals, failures and latency are shown."
  type        = list(string)
  default     = []
}

variable "fetchers" {
  description = "Functions that fetch items from an API, whose items and retries are shown."
  type        = list(string)
  default     = []
}

variable "keepers" {
  description = "Functions for the upkeep of Delta tables, whose work is shown."
  type        = list(string)
  default     = []
}

variable "reconcilers" {
  description = "Functions that make certificates, whose certificates are shown."
  type        = list(string)
  default     = []
}

variable "state_machine_arns" {
  description = "State machines whose runs are shown."
  type        = list(string)
  default     = []
}

variable "cluster_name" {
  description = "MSK cluster of the mappings; null for none."
  type        = string
  default     = null
}

variable "database_identifier" {
  description = "RDS instance to show; null for none."
  type        = string
  default     = null
}

variable "alarm_topic_arn" {
  description = "An existing SNS topic for the alarms; null creates one. The owner of an existing topic manages its subscriptions. Its policy must allow cloudwatch.amazonaws.com to publish, and the policy of its customer-managed key, if any, must allow CloudWatch to use the key."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null ? true : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn must have the form arn:aws:sns:REGION:ACCOUNT:NAME of a standard topic (CloudWatch takes no FIFO topics)."
  }

  validation {
    condition     = try(split(":", var.alarm_topic_arn)[3], data.aws_region.current.name) == data.aws_region.current.name
    error_message = "alarm_topic_arn must be in the region of the deployment, because CloudWatch notifies only topics of its own region."
  }
}

variable "alarm_emails" {
  description = "Mail addresses for alarms and the budget. Each recipient must confirm the subscription by mail. With alarm_topic_arn they are notified of the budget only."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "alarm_emails must be mail addresses, such as you@example.com."
  }
}

variable "kms_key_arn" {
  description = "Customer-managed KMS key that encrypts the alarm topic; CloudWatch must be allowed to use it. Null: messages are encrypted only in transit."
  type        = string
  default     = null
}

variable "budget" {
  description = "A budget of monthly_usd. It notifies when 80 % are spent, and when the forecast exceeds the budget (AWS needs about five weeks of costs for a forecast). It counts all costs of the account; with by_tag, only costs with the tag `deployment` = name. The owner of the bill must have activated that tag for cost allocation. Null for none."
  type = object({
    monthly_usd = number
    by_tag      = optional(bool, false)
  })
  default = null

  validation {
    condition     = var.budget == null ? true : var.budget.monthly_usd > 0
    error_message = "monthly_usd must be positive. For no budget, set budget = null."
  }

  validation {
    condition     = var.budget == null ? true : length(var.alarm_emails) > 0 && length(var.alarm_emails) <= 10 || length(var.alarm_emails) == 0 && var.alarm_topic_arn != null
    error_message = "A budget needs 1 to 10 alarm_emails, or alarm_topic_arn (its policy must allow budgets.amazonaws.com to publish). Set one of them, or budget = null for no budget."
  }
}
