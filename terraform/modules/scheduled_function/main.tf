# A function that EventBridge Scheduler invokes. A dead-letter queue keeps invocations that Scheduler or Lambda gave up.

locals {
  queue_arn = one(module.failed[*].arn)

  queue_statements = [for arn in local.queue_arn[*] : {
    sid       = "KeepFailedInvocations"
    actions   = ["sqs:SendMessage"]
    resources = [arn]
  }]
}

module "function" {
  source = "../function"

  function    = merge(var.function, { policy_statements = concat(var.function.policy_statements, local.queue_statements) })
  alarms      = var.alarms
  start_after = var.start_after
}

module "failed" {
  source = "../dead_letter_queue"
  count  = var.dead_letter_queue ? 1 : 0

  function_name = var.function.name
  what          = "An invocation"
  kms_key_arn   = var.function.kms_key_arn
  alarms        = var.alarms
}

# Scheduler invokes asynchronously, so Lambda, not Scheduler, retries errors inside the function.
resource "aws_lambda_function_event_invoke_config" "this" {
  count = var.dead_letter_queue ? 1 : 0

  function_name                = module.function.name
  qualifier                    = module.function.qualifier
  maximum_retry_attempts       = var.retry.attempts
  maximum_event_age_in_seconds = var.retry.maximum_age_seconds

  destination_config {
    on_failure {
      destination = local.queue_arn
    }
  }

  depends_on = [module.failed]
}

module "schedule" {
  source = "../schedule"

  name            = var.function.name
  target_arn      = module.function.live_arn
  role            = { suffix = var.function.role_suffix, permissions_boundary_arn = var.function.permissions_boundary_arn }
  schedule        = var.schedule
  retry           = var.retry
  dead_letter_arn = local.queue_arn
  kms_key_arn     = var.function.kms_key_arn
}
