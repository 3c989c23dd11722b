output "name" {
  description = "The queue's name."
  value       = local.name
}

output "arn" {
  description = "The queue's ARN: known before the queue is made, so whoever needs the queue itself depends on the module."
  value       = local.arn
}

output "url" {
  description = "The queue's URL."
  value       = aws_sqs_queue.this.url
}
