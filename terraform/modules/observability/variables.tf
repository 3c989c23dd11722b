variable "name" {
  description = "Name of the dashboard, and beginning of the alarm topic's."
  type        = string
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

variable "alarm_emails" {
  description = "Addresses that alarms go to; each confirms its subscription by mail."
  type        = list(string)
  default     = []
}
