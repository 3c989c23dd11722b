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
  description = "Days that old versions stay; 0 for no lifecycle. 0 on the emulator: the provider waits 55 s for it there."
  type        = number
  default     = 30
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
