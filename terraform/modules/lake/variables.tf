variable "name_prefix" {
  description = "Begins the buckets' names."
  type        = string
}

variable "bucket_suffix" {
  description = "Ends the buckets' names: they are unique in all of AWS, so account and region belong in it. Empty on the emulator."
  type        = string
  default     = ""
}

variable "tables" {
  description = "Path of each Delta table under the lake's root, by topic."
  type        = map(string)

  validation {
    condition     = length(distinct(values(var.tables))) == length(var.tables)
    error_message = "Two topics must not write to the same table path."
  }
}

variable "versioning" {
  description = "Keep overwritten and deleted objects. Off on the emulator, which would keep every version on a laptop's disk."
  type        = bool
  default     = true
}

variable "lifecycle_days" {
  description = "Days that old versions stay; null for no lifecycle. Null on the emulator: the provider waits 55 s for it there."
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
