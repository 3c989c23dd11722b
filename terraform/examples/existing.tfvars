# An existing VPC, MSK cluster and Postgres. You can also use only one of them and leave out the others. The security
# groups of the cluster and of the database must admit the security group in the output functions_security_group_id.

region       = "eu-central-1"
alarm_emails = ["data-team@example.com"]

network = {
  # Private subnets with access to S3, Secrets Manager, CloudWatch Logs and SQS, through endpoints or a NAT gateway.
  existing = {
    vpc_id     = "vpc-0123456789abcdef0"
    subnet_ids = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
  }
  # Services that the functions may connect to.
  existing_services = {
    kafka    = { security_group_id = "sg-0123456789abcdef0", port = 9098 }
    database = { security_group_id = "sg-0123456789abcdef1", port = 5432 }
  }
}

existing_kafka = {
  cluster_arn = "arn:aws:kafka:eu-central-1:111122223333:cluster/theirs/01234567-89ab-cdef-0123-456789abcdef-1"
  # Without this line, Terraform looks up the brokers. If the cluster has more than three, name three of them.
  bootstrap_servers = "b-1.theirs.example.com:9098,b-2.theirs.example.com:9098,b-3.theirs.example.com:9098"
}
# false: you create the topics of pipelines/*.yaml yourself.
manage_topics = true

# The secret is JSON: {"username": "…", "password": "…"}. The URL contains no password.
existing_database = {
  auth       = "secret"
  secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:headwater-AbCdEf"
}
existing_database_url = "postgres://headwater@db.example.com:5432/shop"
