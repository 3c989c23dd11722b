# For states from before the schedule and the queue became modules: keeps the existing resources instead of creating new
# ones with the same names.

moved {
  from = aws_iam_role.scheduler
  to   = module.schedule.aws_iam_role.this
}

moved {
  from = aws_iam_role_policy.scheduler
  to   = module.schedule.aws_iam_role_policy.this
}

moved {
  from = aws_scheduler_schedule.this
  to   = module.schedule.aws_scheduler_schedule.this
}

moved {
  from = aws_sqs_queue.failed[0]
  to   = module.failed[0].aws_sqs_queue.this
}

moved {
  from = aws_cloudwatch_metric_alarm.failed[0]
  to   = module.failed[0].aws_cloudwatch_metric_alarm.this[0]
}
