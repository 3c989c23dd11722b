output "name" {
  description = "The queue's name."
  value       = local.name
}

output "arn" {
  description = "The queue's ARN, known before the queue exists. A resource that needs the queue itself must depend on the module."
  value       = local.arn
}

output "url" {
  description = "The queue's URL."
  value       = aws_sqs_queue.this.url
}
