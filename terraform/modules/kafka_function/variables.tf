variable "function_label" {
  description = "The function's folder name: the same in every environment, part of S3 keys."
  type        = string
}

variable "mappings" {
  description = "One per topic that feeds the function. `provisioned` buys pollers, and with them retry limits, bisecting and partial batch responses; null is on demand."
  type = list(object({
    topic             = string
    consumer_group    = string
    batch_size        = optional(number, 10000)
    window_seconds    = optional(number, 1)
    starting_position = optional(string, "TRIM_HORIZON")
    on_failure        = optional(bool, false)
    provisioned = optional(object({
      minimum_pollers            = optional(number, 1)
      maximum_pollers            = optional(number, 2)
      report_batch_item_failures = optional(bool, true)
      bisect                     = optional(bool, false)
      maximum_retries            = optional(number, -1)
      maximum_record_age_seconds = optional(number, -1)
    }))
  }))

  validation {
    condition     = length(var.mappings) == 0 || var.function.timeout_seconds <= 840
    error_message = "A function behind a Kafka mapping may run 14 minutes at the most: timeout_seconds is 840 or less."
  }

  validation {
    condition     = alltrue([for mapping in var.mappings : mapping.batch_size >= 1 && mapping.batch_size <= 10000])
    error_message = "batch_size must be 1 to 10000."
  }

  validation {
    condition     = alltrue([for mapping in var.mappings : mapping.window_seconds >= 0 && mapping.window_seconds <= 300])
    error_message = "window_seconds must be 0 to 300."
  }

  validation {
    condition     = alltrue([for mapping in var.mappings : mapping.starting_position == "TRIM_HORIZON"])
    error_message = "starting_position must be TRIM_HORIZON: with LATEST, what arrives while the mapping is being made would be lost."
  }

  validation {
    condition     = alltrue([for mapping in var.mappings : length(mapping.consumer_group) > 0 && length(mapping.consumer_group) <= 200])
    error_message = "consumer_group must have 1 to 200 characters: without one, Lambda would make a new group for each mapping and read everything again."
  }

  validation {
    condition     = length(distinct(var.mappings[*].topic)) == length(var.mappings)
    error_message = "A topic feeds a function through one mapping."
  }

  validation {
    condition = alltrue([
      for mapping in var.mappings : mapping.provisioned == null ? true :
      mapping.provisioned.minimum_pollers >= 1 && mapping.provisioned.minimum_pollers <= 200 &&
      mapping.provisioned.maximum_pollers >= mapping.provisioned.minimum_pollers && mapping.provisioned.maximum_pollers <= 2000
    ])
    error_message = "minimum_pollers must be 1 to 200, maximum_pollers from there to 2000."
  }

  validation {
    condition = alltrue([
      for mapping in var.mappings : mapping.provisioned == null ? true :
      mapping.provisioned.maximum_retries >= -1 && mapping.provisioned.maximum_retries <= 10000 &&
      (mapping.provisioned.maximum_record_age_seconds == -1 || mapping.provisioned.maximum_record_age_seconds >= 60 && mapping.provisioned.maximum_record_age_seconds <= 604800)
    ])
    error_message = "maximum_retries must be -1 (for ever) to 10000, maximum_record_age_seconds -1 or 60 to 604800."
  }

  validation {
    condition = alltrue([
      for mapping in var.mappings : mapping.provisioned == null || mapping.on_failure ? true :
      mapping.provisioned.maximum_retries == -1 && mapping.provisioned.maximum_record_age_seconds == -1
    ])
    error_message = "A limit on retries or record age needs on_failure: true. Without a destination, Lambda would drop the batches that it gives up."
  }
}

variable "create_event_source_mapping" {
  description = "Whether AWS polls the topics. False on the emulator, which has no Kafka event source: there the local bridge reads the same mappings from the outputs."
  type        = bool
  default     = true
}

variable "cluster_arn" {
  description = "The MSK cluster that is polled; null where the mappings are not created."
  type        = string
  default     = null
}

variable "cluster_name" {
  description = "The MSK cluster's name, for the lag alarms; null for none."
  type        = string
  default     = null
}

variable "failed_batches" {
  description = "Bucket for the batches of mappings with on_failure: the whole invocation record, to be redriven."
  type = object({
    bucket     = string
    bucket_arn = string
  })
}

variable "start_after" {
  description = "Values of what must have succeeded before the first poll and before a new version serves, such as the result of a migration. Changes of them touch neither the mappings nor the alias."
  type        = list(string)
  default     = []
}

variable "alarms" {
  description = "Alarms and the SNS topics that they notify; null for none (an alarm never plans clean on the emulator). `early` has those that warn before something fails: throttles, and durations near the timeout. How far behind a mapping may be (`lag_seconds`, `lag_records`), in which topics records arrive at all times (`busy_topics`) and how long nothing of them may be stored (`stale_minutes`), and how many offsets its deliveries may skip in five minutes (`skipped_offsets`; null for any number: transactions leave gaps)."
  type = object({
    topic_arns      = optional(list(string), [])
    early           = optional(bool, true)
    lag_seconds     = optional(number, 300)
    lag_records     = optional(number, 1000000)
    busy_topics     = optional(list(string), [])
    stale_minutes   = optional(number, 15)
    skipped_offsets = optional(number)
  })
  default = null

  validation {
    condition     = try(var.alarms.stale_minutes, 15) >= 5 && try(var.alarms.stale_minutes, 15) <= 1440
    error_message = "stale_minutes must be 5 to 1440: CloudWatch looks back a day at periods of five minutes."
  }
}
