variable "bucket_arn" {
  description = "The bucket."
  type        = string
}
