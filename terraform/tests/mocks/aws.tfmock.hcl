# Mocked answers of AWS, limited to the attributes that other resources use.

mock_data "aws_caller_identity" {
  defaults = { account_id = "111122223333" }
}

mock_data "aws_region" {
  defaults = { name = "eu-central-1" }
}

mock_data "aws_partition" {
  defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
}

mock_data "aws_availability_zones" {
  defaults = { zone_ids = ["euc1-az2", "euc1-az3", "euc1-az1"] }
}

mock_data "aws_servicequotas_service_quota" {
  defaults = { value = 1000 }
}

mock_data "aws_msk_bootstrap_brokers" {
  defaults = { bootstrap_brokers_sasl_iam = "b-1.looked-up.kafka.eu-central-1.amazonaws.com:9098" }
}

mock_data "aws_ssm_parameter" {
  defaults = { insecure_value = "ami-0123456789abcdef0" }
}

mock_resource "aws_s3_bucket" {
  defaults = { arn = "arn:aws:s3:::some-bucket" }
}

mock_resource "aws_iam_openid_connect_provider" {
  defaults = { arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com" }
}

mock_resource "aws_iam_role" {
  defaults = { arn = "arn:aws:iam::111122223333:role/some-role" }
}

mock_resource "aws_lambda_function" {
  defaults = {
    arn     = "arn:aws:lambda:eu-central-1:111122223333:function:some-function"
    version = "7"
  }
}

mock_resource "aws_kms_key" {
  defaults = {
    key_id = "11111111-2222-3333-4444-555555555555"
    arn    = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555"
  }
}

mock_resource "aws_eip" {
  defaults = { public_ip = "203.0.113.10" }
}

mock_resource "aws_lambda_alias" {
  defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:some-function:live" }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:some-group" }
}

mock_resource "aws_sns_topic" {
  defaults = { arn = "arn:aws:sns:eu-central-1:111122223333:some-topic" }
}

mock_resource "aws_secretsmanager_secret" {
  defaults = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:headwater/database-AbCdEf" }
}

mock_resource "aws_msk_configuration" {
  defaults = { arn = "arn:aws:kafka:eu-central-1:111122223333:configuration/headwater-dev/11111111-2222-3333-4444-555555555555-1" }
}

mock_resource "aws_msk_cluster" {
  defaults = {
    arn                        = "arn:aws:kafka:eu-central-1:111122223333:cluster/headwater-dev/11111111-2222-3333-4444-555555555555-1"
    bootstrap_brokers_sasl_iam = "b-1.headwater-dev.kafka.eu-central-1.amazonaws.com:9098"
  }
}

mock_resource "aws_db_instance" {
  defaults = {
    endpoint    = "headwater-dev.rds.eu-central-1.amazonaws.com:5432"
    resource_id = "db-ABCDEFGHIJKLMNOP"
    master_user_secret = [{
      secret_arn    = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:rds-AbCdEf"
      kms_key_id    = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555"
      secret_status = "active"
    }]
  }
}

mock_resource "aws_lambda_function_url" {
  defaults = {
    function_url = "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws/"
    url_id       = "abcdefghijklmnopqrstuvwxyz012345"
  }
}

mock_resource "aws_sqs_queue" {
  defaults = { url = "https://sqs.eu-central-1.amazonaws.com/111122223333/some-queue" }
}

mock_resource "aws_vpc_endpoint" {
  defaults = { prefix_list_id = "pl-12345678" }
}

mock_resource "aws_sfn_state_machine" {
  defaults = { arn = "arn:aws:states:eu-central-1:111122223333:stateMachine:some-machine" }
}

mock_resource "aws_sfn_activity" {
  defaults = { id = "arn:aws:states:eu-central-1:111122223333:activity:some-activity" }
}

mock_resource "aws_emrserverless_application" {
  defaults = {
    id  = "00f1abcdefghij01"
    arn = "arn:aws:emr-serverless:eu-central-1:111122223333:/applications/00f1abcdefghij01"
  }
}
