# A mail before the bill becomes a surprise. AWS Budgets looks at the costs a few times a day; it stops nothing.

locals {
  # Addresses are told directly, without the topic: SNS would need a policy for Budgets, and its key another.
  budget_topics = length(var.alarm_emails) == 0 ? var.alarm_topic_arn[*] : []
}

resource "aws_budgets_budget" "this" {
  count = var.budget == null ? 0 : 1

  # Budgets are one list for all regions of an account.
  name         = local.regional_name
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.budget.monthly_usd)
  limit_unit   = "USD"

  # Credits and refunds would hide what is used until the credits are gone.
  cost_types {
    include_credit = false
    include_refund = false
  }

  # A tag that is not activated for cost allocation counts as no costs at all, and such a budget never warns. So without
  # `by_tag` it is the whole account's costs.
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
