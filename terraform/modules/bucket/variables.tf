variable "name" {
  description = "The bucket's name: unique in all of AWS."
  type        = string

  validation {
    condition     = length(var.name) >= 3 && length(var.name) <= 63 && can(regex("^[a-z0-9](-?[a-z0-9])*$", var.name))
    error_message = "S3 takes names of 3 to 63 lower-case letters, digits and single hyphens (${var.name} has ${length(var.name)} characters): choose a shorter `name` or `environment`."
  }
}

variable "kms_key_arn" {
  description = "KMS key that encrypts objects by default (a writer may name another key); null for S3's own key. Readers need kms:Decrypt on the key. Writers need kms:GenerateDataKey and kms:Decrypt."
  type        = string
  default     = null
}

variable "versioning" {
  description = "Whether overwritten and deleted objects are kept as old versions. False on the local stack, to save disk space."
  type        = bool
  default     = true
}

variable "lifecycle_days" {
  description = "Days until old versions are deleted; 0 for never. 0 on the emulator, where the provider waits 55 s for a lifecycle configuration."
  type        = number
  default     = 30
}

variable "lifecycle_prefix" {
  description = "Prefix of the objects whose old versions are deleted after lifecycle_days; null for the whole bucket."
  type        = string
  default     = null
}

variable "expiration_days" {
  description = "Days until objects expire; 0 for never. With versioning, an expired object becomes an old version. 0 on the emulator, for the same reason as lifecycle_days."
  type        = number
  default     = 0

  validation {
    condition     = var.expiration_days >= 0 && floor(var.expiration_days) == var.expiration_days
    error_message = "expiration_days must be a number of days, or 0 for never."
  }
}

variable "require_tls" {
  description = "Whether requests over plain HTTP are refused. False on the emulator, which supports only HTTP."
  type        = bool
  default     = true
}

variable "force_destroy" {
  description = "Whether a destroy also deletes the objects in the bucket."
  type        = bool
  default     = false
}
