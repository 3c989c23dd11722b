# A production deployment. environment = "prod" chooses profile prod: larger brokers with KRaft, Postgres in two zones,
# longer backups and logs, and buckets that a destroy never empties.

region      = "eu-central-1"
environment = "prod"

alarm_emails            = ["on-call@example.com"]
lag_alarm_seconds       = 120
queue_age_alarm_seconds = 900

# A NAT gateway in each zone, because the forecast API is outside of AWS. With "endpoints" the VPC has no internet access.
network = {
  egress = "nat"
}

# Sizes for the expected load. The profile has the other values.
kafka = {
  instance_type     = "kafka.m7g.large"
  volume_gb         = 200
  maximum_volume_gb = 2000
}
database = {
  class              = "db.m7g.large"
  storage_gb         = 200
  maximum_storage_gb = 1000
}

# Limits. reserved_concurrency, which limits functions with a URL, is not set here: the profile has a default. It needs a
# quota of more than 100 concurrent executions: see terraform/README.md.
sizes = {
  # Limits the connections to Postgres.
  inbox_etl       = { maximum_concurrency = 10 }
  bucket_ingester = { maximum_concurrency = 10 }
  parquet_writer  = { memory_mb = 1024 }
}

inbox = {
  expiration_days = 365
}

forecast = {
  base_url = "https://weather.example.com"
  items    = ["3477", "3478"]
  in_vpc   = true
}
