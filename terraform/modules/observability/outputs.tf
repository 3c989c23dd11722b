output "alarm_topic_arn" {
  description = "SNS topic of the alarms."
  value       = local.topic_arn
}

output "dashboard" {
  description = "The dashboard's name."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}
