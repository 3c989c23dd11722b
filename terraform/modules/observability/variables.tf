variable "name" {
  description = "Begins the names of the dashboard, the alarm topic and the budget; the region follows. Also the value of the tag `deployment`, by which a budget may count."
  type        = string

  validation {
    condition     = length(var.name) <= 42 && can(regex("^[a-z](-?[a-z0-9])*$", var.name))
    error_message = "name must have at most 42 lower-case letters, digits and single hyphens, and begins with a letter: with the region and -alarms that makes 64 characters."
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
  description = "Queues whose length, age and dead letters are shown, and records of the functions behind them."
  type = list(object({
    function_name    = string
    name             = string
    dead_letter_name = string
  }))
  default = []
}

variable "url_function_names" {
  description = "Functions behind a URL, whose requests, refusals, failures and latency are shown."
  type        = list(string)
  default     = []
}

variable "fetchers" {
  description = "Functions that fetch items from an API, whose items and retries are shown."
  type        = list(string)
  default     = []
}

variable "keepers" {
  description = "Functions that look after Delta tables, whose work is shown."
  type        = list(string)
  default     = []
}

variable "reconcilers" {
  description = "Functions that make certificates, which are shown."
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
  description = "An SNS topic that exists, instead of one that is made. Its owner makes the subscriptions, and lets cloudwatch.amazonaws.com publish to it (and use its key, where it has one that is not AWS's)."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null ? true : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn must have the form arn:aws:sns:REGION:ACCOUNT:NAME of a standard topic (CloudWatch takes no FIFO topics)."
  }

  validation {
    condition     = try(split(":", var.alarm_topic_arn)[3], data.aws_region.current.name) == data.aws_region.current.name
    error_message = "CloudWatch notifies topics of its own region: name one in the region of the deployment."
  }
}

variable "alarm_emails" {
  description = "Addresses that alarms and the budget go to; each confirms its subscription by mail. With alarm_topic_arn they hear of the budget only."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "alarm_emails are addresses such as you@example.com."
  }
}

variable "kms_key_arn" {
  description = "Key of the owner's that encrypts the alarm topic, and that CloudWatch may use; null for none (messages are encrypted on their way only)."
  type        = string
  default     = null
}

variable "budget" {
  description = "A budget of monthly_usd: a notification when 80 % are spent, and one when the forecast is above all of it (AWS forecasts after about five weeks). It counts all costs of the account, or with by_tag those with the tag `deployment` of this name: the owner of the bill must have activated that tag for cost allocation. Null for none."
  type = object({
    monthly_usd = number
    by_tag      = optional(bool, false)
  })
  default = null

  validation {
    condition     = var.budget == null ? true : var.budget.monthly_usd > 0
    error_message = "monthly_usd must be a positive amount; null instead of the budget makes none."
  }

  validation {
    condition     = var.budget == null ? true : length(var.alarm_emails) > 0 && length(var.alarm_emails) <= 10 || length(var.alarm_emails) == 0 && var.alarm_topic_arn != null
    error_message = "A budget tells 1 to 10 alarm_emails, or without any the alarm_topic_arn (whose policy lets budgets.amazonaws.com publish). Name them, or make no budget (budget = null)."
  }
}
