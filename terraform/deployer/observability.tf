# Alarms, the topic that they notify, dashboard, log groups and budget.

locals {
  observability = [
    {
      Sid      = "AlarmTopic"
      Action   = ["sns:CreateTopic", "sns:DeleteTopic", "sns:GetSubscriptionAttributes", "sns:GetTopicAttributes", "sns:ListTagsForResource", "sns:SetSubscriptionAttributes", "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource", "sns:Unsubscribe", "sns:UntagResource"]
      Resource = "${local.arns["sns"]}:${var.name}-*"
    },
    {
      Sid      = "Alarms"
      Action   = ["cloudwatch:DeleteAlarms", "cloudwatch:ListTagsForResource", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"]
      Resource = "${local.arns["cloudwatch"]}:alarm:${var.name}-*"
    },
    {
      # AWS checks the permission to list alarms on all alarms, and the permission to list log groups without a name.
      Sid      = "FindAlarmsAndLogs"
      Action   = ["cloudwatch:DescribeAlarms", "logs:DescribeLogGroups"]
      Resource = ["${local.arns["cloudwatch"]}:alarm:*", "${local.arns["logs"]}:log-group:*"]
    },
    {
      Sid      = "Dashboard"
      Action   = ["cloudwatch:DeleteDashboards", "cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource", "cloudwatch:PutDashboard"]
      Resource = "arn:${var.partition}:cloudwatch::${var.account}:dashboard/${var.name}-*"
    },
    {
      # With and without :*. AWS's guide uses one form of a log group's ARN, and its reference of actions uses the
      # other.
      Sid      = "Logs"
      Action   = ["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteRetentionPolicy", "logs:DisassociateKmsKey", "logs:ListTagsForResource", "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource"]
      Resource = flatten([for group in ["lambda", "msk", "rds/instance"] : [for end in ["", ":*"] : "${local.arns["logs"]}:log-group:/aws/${group}/${var.name}-*${end}"]])
    },
    {
      # MSK sets up the delivery of the brokers' logs with the permissions of the caller that creates the cluster. These
      # actions do not support resources.
      Sid      = "DeliverLogs"
      Action   = ["logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery"]
      Resource = "*"
    },
    {
      # Budgets have no region.
      Sid      = "Budget"
      Action   = ["budgets:ListTagsForResource", "budgets:ModifyBudget", "budgets:TagResource", "budgets:UntagResource", "budgets:ViewBudget"]
      Resource = "arn:${var.partition}:budgets::${var.account}:budget/${var.name}-*"
    },
  ]
}
