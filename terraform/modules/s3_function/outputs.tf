output "name" {
  description = "The function's name."
  value       = module.function.name
}

output "arn" {
  description = "The function's ARN."
  value       = module.function.arn
}

output "live_arn" {
  description = "ARN of what serves: the alias `live`, or the function itself where it has no versions."
  value       = module.function.live_arn
}

output "live_version" {
  description = "The version that serves; null where the function has no versions."
  value       = module.function.live_version
}

output "serves_after" {
  description = "What had succeeded before the version began to serve: the values of `start_after`."
  value       = module.function.serves_after
}

output "policy" {
  description = "The function's role's whole policy, as JSON."
  value       = module.function.policy
}

output "scheduler_policy" {
  description = "The policy of the role that Scheduler takes, as JSON."
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
  description = "The queue that feeds the function, and its dead-letter queue; null where the sweep alone does."
  value = local.fed ? {
    function_name    = module.function.name
    name             = one(aws_sqs_queue.this[*].name)
    url              = one(aws_sqs_queue.this[*].url)
    dead_letter_name = one(module.failed[*].name)
    dead_letter_url  = one(module.failed[*].url)
  } : null
}

output "queue_mapping" {
  description = "How the queue feeds the function: function_name, queue_url, queue_arn, batch_size, window_seconds, partial_batch_response, maximum_concurrency; null where the sweep alone does."
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
  description = "How objects come to the function: whether the bucket's notifications are configured here, and after how many seconds a message that failed comes back."
  value = {
    notified      = length(aws_s3_bucket_notification.this) > 0
    retry_seconds = local.visibility_timeout_seconds
  }
}
