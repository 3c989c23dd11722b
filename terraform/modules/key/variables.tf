variable "name" {
  description = "Name of the key's alias."
  type        = string

  validation {
    condition     = length(var.name) <= 64 && can(regex("^[a-z](-?[a-z0-9])*$", var.name)) && !startswith(var.name, "aws")
    error_message = "name must have at most 64 lower-case letters, digits and single hyphens. It must begin with a letter, but not with aws, which KMS reserves."
  }
}
