variable "function_label" {
  description = "The function's folder name. It is the same in every environment and becomes part of S3 keys."
  type        = string
}

variable "mappings" {
  description = "Mappings of the function, one per topic. `provisioned` uses provisioned pollers, which are billed and support retry limits, bisecting and partial batch responses; null is on demand."
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
    error_message = "starting_position must be TRIM_HORIZON: with LATEST, records that arrive during the creation of the mapping would be lost."
  }

  validation {
    condition     = alltrue([for mapping in var.mappings : length(mapping.consumer_group) > 0 && length(mapping.consumer_group) <= 200])
    error_message = "consumer_group must have 1 to 200 characters: without one, Lambda would make a new group for each mapping and read everything again."
  }

  validation {
    condition     = length(distinct(var.mappings[*].topic)) == length(var.mappings)
    error_message = "A function can have only one mapping per topic."
  }

  validation {
    condition = alltrue([
      for mapping in var.mappings : mapping.provisioned == null ? true :
      mapping.provisioned.minimum_pollers >= 1 && mapping.provisioned.minimum_pollers <= 200 &&
      mapping.provisioned.maximum_pollers >= mapping.provisioned.minimum_pollers && mapping.provisioned.maximum_pollers <= 2000
    ])
    error_message = "minimum_pollers must be 1 to 200, and maximum_pollers must be minimum_pollers to 2000."
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
    error_message = "A limit on retries or record age needs on_failure: true. Without a destination, Lambda would drop batches that it gives up."
  }
}

variable "create_event_source_mapping" {
  description = "Whether AWS polls the topics. False on the emulator, which has no Kafka event source. There the bridge reads the same mappings from the outputs."
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
  description = "Bucket for batches that mappings with on_failure give up. Lambda stores the whole invocation record, which can be redriven."
  type = object({
    bucket     = string
    bucket_arn = string
  })
}

variable "start_after" {
  description = "Results of steps that must succeed before the first poll and before `live` moves to a new version, such as the result of a migration. A change of these values alone changes neither the mappings nor the alias."
  type        = list(string)
  default     = []
}

variable "alarms" {
  description = "Alarms and the SNS topics that they notify; null for none (on the emulator, every plan would show a change of each alarm). `early` adds alarms that warn before a failure: throttles, and durations close to the timeout. `lag_seconds` and `lag_records`: the lag that a mapping may have. `busy_topics`: topics in which records arrive at all times. `stale_minutes`: how long the function may store nothing from them. `skipped_offsets`: how many offsets deliveries may skip in five minutes; null for any number, because transactions leave gaps."
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
    error_message = "stale_minutes must be 5 to 1440: with periods of five minutes, CloudWatch looks back at most a day."
  }
}
