# A production deployment. environment = "prod" chooses profile prod: larger brokers with KRaft, Postgres in two zones,
# longer backups and logs, and buckets that a destroy never empties.

region      = "eu-central-1"
environment = "prod"

alarm_emails            = ["on-call@example.com"]
lag_alarm_seconds       = 120
queue_age_alarm_seconds = 900

# A NAT gateway in each zone, because the forecast API is outside of AWS. With "endpoints" nothing in the VPC reaches the internet.
network = {
  egress = "nat"
}

# Sizes for what you expect. The rest comes from the profile.
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

# reserved_concurrency bounds the functions behind a URL. It needs a quota of more than 100 invocations at once: see
# terraform/README.md. Without it the profile decides.
sizes = {
  # Bounds the connections to Postgres.
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
