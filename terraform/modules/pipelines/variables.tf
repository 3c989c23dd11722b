variable "directory" {
  description = "Folder of the pipeline files (*.yaml), one per topic."
  type        = string

  validation {
    condition     = length(fileset(var.directory, "*.yaml")) > 0
    error_message = "There is no *.yaml file in ${var.directory}: a deployment needs at least one pipeline."
  }

  validation {
    condition = alltrue([
      for name in fileset(var.directory, "*.yaml") : can(yamldecode(file("${var.directory}/${name}")).topic.name)
    ])
    error_message = "Every pipeline file needs topic.name. Run `headwater pipeline check`, which names the line."
  }
}

variable "windows" {
  description = "Maximum time, in seconds, that a record waits for its batch to fill, by section. It applies to files without `batching.window_seconds`. A full batch does not wait. The documented default of the pipeline files is 1; a longer window costs less on a quiet topic."
  type = object({
    lake   = optional(number, 1)
    totals = optional(number, 1)
    table  = optional(number, 1)
  })
  default = {}

  validation {
    condition     = alltrue([for seconds in values(var.windows) : seconds >= 0 && seconds <= 300 && floor(seconds) == seconds])
    error_message = "A window must be a whole number of seconds from 0 to 300."
  }
}
