output "name" {
  description = "The function's name."
  value       = module.function.name
}

output "arn" {
  description = "The function's ARN."
  value       = module.function.arn
}

output "live_arn" {
  description = "ARN to invoke: the alias `live`, or the function itself if it has no versions."
  value       = module.function.live_arn
}

output "live_version" {
  description = "The version that `live` points to; null if the function has no versions."
  value       = module.function.live_version
}

output "serves_after" {
  description = "The values of `start_after`: results of the steps that succeeded before `live` moved to its version."
  value       = module.function.serves_after
}

output "policy" {
  description = "The complete policy of the function's role, as JSON."
  value       = module.function.policy
}

output "scheduler_policy" {
  description = "The policy of the role that EventBridge Scheduler assumes, as JSON."
  value       = module.sweep.policy
}

output "environment" {
  description = "The function's environment variables."
  value       = module.function.environment
}

output "schedule" {
  description = "The schedule of the sweep."
  value       = module.sweep.schedule
}

output "queue" {
  description = "The queue that feeds the function, and its dead-letter queue; null if only the sweep feeds it."
  value = local.fed ? {
    function_name    = module.function.name
    name             = one(aws_sqs_queue.this[*].name)
    url              = one(aws_sqs_queue.this[*].url)
    dead_letter_name = local.dead_letter.name
    dead_letter_url  = local.dead_letter.url
  } : null
}

output "queue_names" {
  description = "The names of the queue and its dead-letter queue, known before the queues exist; null if only the sweep feeds the function."
  value       = local.fed ? { name = var.function.name, dead_letter_name = "${var.function.name}-failed" } : null
}

output "queue_mapping" {
  description = "How the queue feeds the function: function_name, queue_url, queue_arn, batch_size, window_seconds, partial_batch_response, maximum_concurrency; null if only the sweep feeds it."
  value = local.fed ? {
    function_name          = module.function.name
    queue_url              = one(aws_sqs_queue.this[*].url)
    queue_arn              = local.queue_arn
    batch_size             = var.batch_size
    window_seconds         = var.window_seconds
    partial_batch_response = true
    maximum_concurrency    = var.maximum_concurrency
  } : null
}

output "delivery" {
  description = "How the function learns of objects: whether this module configures the bucket's notifications, and after how many seconds a failed message is visible again."
  value = {
    notified      = length(aws_s3_bucket_notification.this) > 0
    retry_seconds = local.visibility_timeout_seconds
  }
}
