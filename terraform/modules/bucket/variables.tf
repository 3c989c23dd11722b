variable "name" {
  description = "The bucket's name: unique in all of AWS."
  type        = string

  validation {
    condition     = length(var.name) >= 3 && length(var.name) <= 63 && can(regex("^[a-z0-9](-?[a-z0-9])*$", var.name))
    error_message = "S3 takes names of 3 to 63 lower-case letters, digits and single hyphens (${var.name} has ${length(var.name)} characters): choose a shorter `name` or `environment`."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the objects, unless whoever writes one names another; null for S3's own. Who reads needs kms:Decrypt on it, who writes kms:GenerateDataKey and kms:Decrypt."
  type        = string
  default     = null
}

variable "versioning" {
  description = "Keep overwritten and deleted objects. Off on the emulator, which would keep every version on a laptop's disk."
  type        = bool
  default     = true
}

variable "lifecycle_days" {
  description = "Days that old versions stay; 0 for ever. 0 on the emulator: the provider waits 55 s for a lifecycle there."
  type        = number
  default     = 30
}

variable "lifecycle_prefix" {
  description = "Old versions go only below this prefix; null for the whole bucket."
  type        = string
  default     = null
}

variable "expiration_days" {
  description = "Days that objects stay; 0 for ever. Where versions are kept, an expired object is an old version from then on. 0 on the emulator, as lifecycle_days."
  type        = number
  default     = 0

  validation {
    condition     = var.expiration_days >= 0 && floor(var.expiration_days) == var.expiration_days
    error_message = "expiration_days must be a number of days, or 0 for never."
  }
}

variable "require_tls" {
  description = "Refuse plain HTTP. Off on the emulator, which speaks nothing else."
  type        = bool
  default     = true
}

variable "force_destroy" {
  description = "Let a destroy delete the data too."
  type        = bool
  default     = false
}
