variable "directory" {
  description = "Folder of the pipeline files (*.yaml), one a topic."
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
  description = "The longest, in seconds, that a record waits for its batch to fill, by section, where its file says nothing (`batching.window_seconds`). A batch that is full does not wait. 1 is what the pipeline files promise; a longer one costs less on a quiet topic."
  type = object({
    lake   = optional(number, 1)
    totals = optional(number, 1)
    table  = optional(number, 1)
  })
  default = {}

  validation {
    condition     = alltrue([for seconds in values(var.windows) : seconds >= 0 && seconds <= 300 && floor(seconds) == seconds])
    error_message = "A window is 0 to 300 whole seconds."
  }
}
