# A VPC, an MSK cluster and a Postgres that exist already. Any one of the three alone will do: leave out the others.
# The owners of the cluster and of the database admit the security group in the output functions_security_group_id.

region       = "eu-central-1"
alarm_emails = ["data-team@example.com"]

network = {
  # Private subnets that reach S3, Secrets Manager, CloudWatch Logs and SQS, by endpoints or by a NAT gateway.
  existing = {
    vpc_id     = "vpc-0123456789abcdef0"
    subnet_ids = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
  }
  # Where the functions may connect to.
  existing_services = {
    kafka    = { security_group_id = "sg-0123456789abcdef0", port = 9098 }
    database = { security_group_id = "sg-0123456789abcdef1", port = 5432 }
  }
}

existing_kafka = {
  cluster_arn = "arn:aws:kafka:eu-central-1:111122223333:cluster/theirs/01234567-89ab-cdef-0123-456789abcdef-1"
  # Without this line Terraform looks the brokers up. Name three of them where the cluster has more.
  bootstrap_servers = "b-1.theirs.example.com:9098,b-2.theirs.example.com:9098,b-3.theirs.example.com:9098"
}
# false: you make the topics of pipelines/*.yaml yourself.
manage_topics = true

# The secret is JSON: {"username": "…", "password": "…"}. The URL holds no password.
existing_database = {
  auth       = "secret"
  secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:headwater-AbCdEf"
}
existing_database_url = "postgres://headwater@db.example.com:5432/shop"
