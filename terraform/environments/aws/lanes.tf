# Settings of the lanes that are derived from other settings.

locals {
  # rooms_generator produces test records. They are for trying the lanes and do not belong in the tables of production.
  lanes = merge(var.lanes, { rooms_generator = coalesce(var.lanes.rooms_generator, var.environment == "dev") })

  # Topics in which records arrive at all times: those in busy_topics, and the generator's topic while it runs.
  busy_topics = distinct(concat(var.busy_topics, local.lanes.rooms_generator && var.schedules_enabled ? [var.rooms.topic] : []))
}

# ---- Concurrency of the functions with a public URL ------------------------------------------------------------------

# The account's quota of concurrent executions. Lambda refuses a reservation that leaves others fewer than 100.
data "aws_servicequotas_service_quota" "concurrency" {
  service_code = "lambda"
  quota_code   = "L-B99A9384"

  lifecycle {
    postcondition {
      condition     = local.asked == 0 || self.value >= 100 + local.asked
      error_message = "sizes reserve ${local.asked} concurrent executions, but Lambda requires that at least 100 of the account's ${self.value} stay unreserved. Reserve fewer (null reserves only as much as the quota allows), or request a larger quota: aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000"
    }
  }
}

locals {
  asked = sum([for function in keys(local.profile.bounds) : max(coalesce(var.sizes[function].reserved_concurrency, 0), 0)])

  account_concurrency = data.aws_servicequotas_service_quota.concurrency.value

  # Null in `sizes` means the limit of the profile. A new account has a quota of 10 or 50, which leaves no room for a
  # reservation. The quota itself is then the limit, and the first apply after an increase of the quota makes the
  # reservation.
  bounds    = { for function, bound in local.profile.bounds : function => var.sizes[function].reserved_concurrency != null ? var.sizes[function].reserved_concurrency : bound }
  can_bound = local.account_concurrency >= 100 + sum([for bound in values(local.bounds) : max(bound, 0)])

  sizes = merge(var.sizes, { for function, bound in local.bounds : function => merge(var.sizes[function], {
    reserved_concurrency = var.sizes[function].reserved_concurrency != null || local.can_bound ? bound : -1
  }) })
}
