variable "bucket_arn" {
  description = "ARN of the bucket."
  type        = string
}
