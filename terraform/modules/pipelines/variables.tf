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
