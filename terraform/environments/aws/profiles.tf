# Two sets of defaults. Values in `kafka`, `database`, `network` and `budget` override them.

locals {
  profile = {
    # The smallest sizes; terraform/README.md explains the disadvantage of each saving. A broker of this type accepts 4
    # new IAM connections per second, which is enough for a few lanes but not for a burst. It is the only type without
    # KRaft.
    dev = {
      host         = false
      egress       = "nat_instance"
      nat_per_zone = false
      # The minimum of MSK and RDS. It applies only to a new network: an existing network keeps its zones, and so its
      # brokers.
      zones = 2
      # Above the list price of the whole deployment, about 100 USD.
      monthly_usd = 150

      kafka    = { instance_type = "kafka.t3.small", volume_gb = 10, maximum_volume_gb = 200 }
      database = { class = "db.t4g.micro", storage_gb = 20, maximum_storage_gb = 100, multi_az = false, backup_days = 7 }
      log_days = 14
      # Metrics are billed for each hour in which a function writes them, so sweeps run rarely.
      sweeps       = { media = "rate(6 hours)", inbox = "rate(6 hours)" }
      early_alarms = false
      # A db.t4g.micro accepts about 110 connections.
      connections = 80
      # Limits of concurrent invocations of the functions with a public URL. 10 invocations of the gateway handle about
      # 200 requests per second and cost at most about 6 USD a day. The brokers can accept the connections of this many
      # simultaneous cold starts.
      bounds = { telemetry_gateway = 10, live_board = 5 }
    }
    # Brokers that accept 100 new connections per second, and a database that survives the loss of a zone.
    prod = {
      host         = true
      egress       = "endpoints"
      nat_per_zone = true
      zones        = 3
      # Above the list price of the whole deployment, about 950 USD.
      monthly_usd = 1200

      kafka        = { instance_type = "kafka.m7g.large", volume_gb = 100, maximum_volume_gb = 2000 }
      database     = { class = "db.m7g.large", storage_gb = 100, maximum_storage_gb = 1000, multi_az = true, backup_days = 14 }
      log_days     = 90
      sweeps       = { media = "rate(15 minutes)", inbox = "rate(1 hour)" }
      early_alarms = true
      # A db.m7g.large accepts about 800 connections.
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

  # The amount of the profile applies only if alarm_emails has a recipient.
  budget = var.budget == null ? null : var.budget.monthly_usd == null && length(var.alarm_emails) == 0 ? null : {
    monthly_usd = coalesce(var.budget.monthly_usd, local.profile.monthly_usd)
    by_tag      = var.budget.by_tag
  }
}
