variable "name" {
  description = "The bucket's name: unique in all of AWS."
  type        = string
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
    error_message = "expiration_days is a number of days, or 0 for never."
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
