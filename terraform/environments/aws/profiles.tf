# Two sets of defaults. Values in `kafka`, `database`, `network` and `budget` override them.

locals {
  profile = {
    # The smallest that there is; terraform/README.md says what each saving gives up. A broker takes 4 new connections with IAM a second: enough for a few lanes, not for a burst.
    # It is also the only one that cannot have KRaft.
    dev = {
      host         = false
      egress       = "nat_instance"
      nat_per_zone = false
      # The least that MSK and RDS take. Only for a new network: one that exists keeps its zones, and so its brokers.
      zones = 2
      # Above the list price of it all, some 100 USD.
      monthly_usd = 150

      kafka    = { instance_type = "kafka.t3.small", volume_gb = 10, maximum_volume_gb = 200 }
      database = { class = "db.t4g.micro", storage_gb = 20, maximum_storage_gb = 100, multi_az = false, backup_days = 7 }
      log_days = 14
      # Metrics are paid for each hour in which a function writes them.
      sweeps       = { media = "rate(6 hours)", inbox = "rate(6 hours)" }
      early_alarms = false
      # A db.t4g.micro takes some 110.
      connections = 80
      # Invocations at once of what is on the internet: 10 of the gateway take some 200 requests a second, and cost at most
      # some 6 USD a day. As many cold starts at once are what the brokers can let in.
      bounds = { telemetry_gateway = 10, live_board = 5 }
    }
    # Brokers that take 100 new connections a second, and a database that survives the loss of a zone.
    prod = {
      host         = true
      egress       = "endpoints"
      nat_per_zone = true
      zones        = 3
      # Above the list price of it all, some 950 USD.
      monthly_usd = 1200

      kafka        = { instance_type = "kafka.m7g.large", volume_gb = 100, maximum_volume_gb = 2000 }
      database     = { class = "db.m7g.large", storage_gb = 100, maximum_storage_gb = 1000, multi_az = true, backup_days = 14 }
      log_days     = 90
      sweeps       = { media = "rate(15 minutes)", inbox = "rate(1 hour)" }
      early_alarms = true
      # A db.m7g.large takes some 800.
      connections = 600
      bounds      = { telemetry_gateway = 50, live_board = 5 }
    }
  }[var.profile != null ? var.profile : var.environment == "prod" ? "prod" : "dev"]

  kafka    = merge(local.profile.kafka, { kms_key_arn = local.key_arn }, { for name, value in var.kafka : name => value if value != null })
  database = merge(local.profile.database, { kms_key_arn = local.key_arn }, { for name, value in var.database : name => value if value != null })

  egress       = coalesce(var.network.egress, local.profile.egress)
  nat_per_zone = coalesce(var.network.nat_per_zone, local.profile.nat_per_zone)

  media = merge(var.media, { sweep = coalesce(var.media.sweep, local.profile.sweeps.media) })
  inbox = merge(var.inbox, { sweep = coalesce(var.inbox.sweep, local.profile.sweeps.inbox) })

  # An amount that nobody named needs somebody to tell.
  budget = var.budget == null ? null : var.budget.monthly_usd == null && length(var.alarm_emails) == 0 ? null : {
    monthly_usd = coalesce(var.budget.monthly_usd, local.profile.monthly_usd)
    by_tag      = var.budget.by_tag
  }
}
