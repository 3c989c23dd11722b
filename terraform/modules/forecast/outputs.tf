output "forecast" {
  description = "Names and ARNs of the lane's parts. activity_arn is null if Spark runs on EMR Serverless."
  value = {
    state_machine_arn = aws_sfn_state_machine.this.arn
    activity_arn      = one(aws_sfn_activity.spark[*].id)
    raw_bucket        = module.raw.name
    raw_prefix        = local.raw_prefix
    raw_root          = local.raw_root
    table             = local.source
    items             = var.items
    function_name     = module.fetcher.name
    schedule          = module.schedule.schedule.name
  }
}

output "schedule" {
  description = "The schedule."
  value       = module.schedule.schedule
}

output "fetcher" {
  description = "The function: name, live_arn, live_version, serves_after, policy, environment."
  value = {
    name         = module.fetcher.name
    live_arn     = module.fetcher.live_arn
    live_version = module.fetcher.live_version
    serves_after = module.fetcher.serves_after
    policy       = module.fetcher.policy
    environment  = module.fetcher.environment
  }
}

output "policies" {
  description = "The policies of the other roles (state machine, job and schedule), as JSON."
  value = {
    state-machine = local.state_machine_policy
    job           = local.job_policy
    schedule      = module.schedule.policy
  }
}

output "token_secret" {
  description = "ARN of the secret that contains the API's token as plain text."
  value       = local.token_secret
}

output "definition" {
  description = "The state machine's definition, as JSON."
  value       = jsonencode(local.definition)
}
