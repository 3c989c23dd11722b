# Budget with notifications by mail. AWS Budgets checks the costs a few times a day and stops nothing.

locals {
  # Mail addresses are notified directly, without the topic. Otherwise the topic's policy, and the policy of its key,
  # would need statements for AWS Budgets.
  budget_topics = length(var.alarm_emails) == 0 ? var.alarm_topic_arn[*] : []
}

resource "aws_budgets_budget" "this" {
  count = var.budget == null ? 0 : 1

  # All regions of an account share one list of budgets.
  name         = local.regional_name
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.budget.monthly_usd)
  limit_unit   = "USD"

  # With credits and refunds included, the budget would show no costs until the credits are used up.
  cost_types {
    include_credit = false
    include_refund = false
  }

  # If the tag is not activated for cost allocation, its costs are zero and the budget never warns. So without `by_tag`,
  # the budget counts all costs of the account.
  dynamic "cost_filter" {
    for_each = var.budget.by_tag ? [var.name] : []
    content {
      name   = "TagKeyValue"
      values = [format("user:deployment$%s", cost_filter.value)]
    }
  }

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }
    content {
      notification_type          = notification.key
      comparison_operator        = "GREATER_THAN"
      threshold                  = notification.value
      threshold_type             = "PERCENTAGE"
      subscriber_email_addresses = var.alarm_emails
      subscriber_sns_topic_arns  = local.budget_topics
    }
  }
}
