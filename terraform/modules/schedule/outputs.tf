output "policy" {
  description = "The policy of the role that EventBridge Scheduler assumes, as JSON."
  value       = local.policy
}

output "schedule" {
  description = "The schedule."
  value = {
    name          = aws_scheduler_schedule.this.name
    group         = aws_scheduler_schedule.this.group_name
    expression    = aws_scheduler_schedule.this.schedule_expression
    time_zone     = aws_scheduler_schedule.this.schedule_expression_timezone
    enabled       = aws_scheduler_schedule.this.state == "ENABLED"
    function_name = coalesce(var.function_name, var.name)
  }
}

output "role" {
  description = "The role's name and permissions boundary."
  value       = module.role.role
}
