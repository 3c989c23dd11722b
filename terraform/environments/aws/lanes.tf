# What the lanes are told that follows from something else.

locals {
  # Its records are made up. They are for trying the lanes, not for a production's tables.
  lanes = merge(var.lanes, { rooms_generator = coalesce(var.lanes.rooms_generator, var.environment == "dev") })

  # Topics in which records arrive at all times: those that somebody names, and the generator's while it runs.
  busy_topics = distinct(concat(var.busy_topics, local.lanes.rooms_generator && var.schedules_enabled ? [var.rooms.topic] : []))
}

# ---- How much the functions on the internet may take -----------------------------------------------------------------

# The account's quota of concurrent executions. Lambda refuses a reservation that leaves others fewer than 100.
data "aws_servicequotas_service_quota" "concurrency" {
  service_code = "lambda"
  quota_code   = "L-B99A9384"

  lifecycle {
    postcondition {
      condition     = local.asked == 0 || self.value >= 100 + local.asked
      error_message = "sizes reserve ${local.asked} concurrent executions, and Lambda leaves at least 100 of the account's ${self.value} unreserved. Reserve fewer (null reserves only what the quota allows), or ask for a larger quota: aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000"
    }
  }
}

locals {
  asked = sum([for function in keys(local.profile.bounds) : max(coalesce(var.sizes[function].reserved_concurrency, 0), 0)])

  account_concurrency = data.aws_servicequotas_service_quota.concurrency.value

  # Null in `sizes` is the profile's bound. A new account has a quota of 10 or 50, which bounds everything as it is, and no
  # reservation fits in; the first apply after the quota was raised makes it.
  bounds    = { for function, bound in local.profile.bounds : function => var.sizes[function].reserved_concurrency != null ? var.sizes[function].reserved_concurrency : bound }
  can_bound = local.account_concurrency >= 100 + sum([for bound in values(local.bounds) : max(bound, 0)])

  sizes = merge(var.sizes, { for function, bound in local.bounds : function => merge(var.sizes[function], {
    reserved_concurrency = var.sizes[function].reserved_concurrency != null || local.can_bound ? bound : -1
  }) })
}
