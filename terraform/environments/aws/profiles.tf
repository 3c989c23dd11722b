# Two sets of defaults. What `kafka` and `database` name goes before.

locals {
  profile = {
    # The smallest that there is. A broker takes 4 new connections with IAM a second: enough for a few lanes, not for a burst.
    # It is also the only one that cannot have KRaft.
    dev = {
      kafka    = { instance_type = "kafka.t3.small", volume_gb = 50, maximum_volume_gb = 200 }
      database = { class = "db.t4g.micro", storage_gb = 20, maximum_storage_gb = 100, multi_az = false, backup_days = 7 }
      log_days = 14
      # A db.t4g.micro takes some 110.
      connections = 80
      # Invocations at once of what is on the internet: 10 of the gateway take some 200 requests a second, and cost at most
      # some 6 USD a day. As many cold starts at once are what the brokers can let in.
      bounds = { telemetry_gateway = 10, live_board = 5 }
    }
    # Brokers that take 100 new connections a second, and a database that survives the loss of a zone.
    prod = {
      kafka    = { instance_type = "kafka.m7g.large", volume_gb = 100, maximum_volume_gb = 2000 }
      database = { class = "db.m7g.large", storage_gb = 100, maximum_storage_gb = 1000, multi_az = true, backup_days = 14 }
      log_days = 90
      # A db.m7g.large takes some 800.
      connections = 600
      bounds      = { telemetry_gateway = 50, live_board = 5 }
    }
  }[var.profile != null ? var.profile : var.environment == "prod" ? "prod" : "dev"]

  kafka    = merge(local.profile.kafka, { for name, value in var.kafka : name => value if value != null })
  database = merge(local.profile.database, { for name, value in var.database : name => value if value != null })
}
