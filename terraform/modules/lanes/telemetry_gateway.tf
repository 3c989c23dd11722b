locals {
  token_required = var.enabled.telemetry_gateway && var.telemetry.auth == "token"
  token_secret   = local.token_required ? coalesce(var.telemetry.token_secret_arn, one(aws_cloudcontrolapi_resource.telemetry_token[*].id)) : null
}

module "telemetry_gateway" {
  source = "../http_function"
  count  = var.enabled.telemetry_gateway ? 1 : 0

  function = merge(local.function["telemetry-gateway"], {
    description = "Vehicles' events over HTTP to Kafka, answered when the brokers have them"

    environment = merge(
      local.common_environment,
      local.kafka_environment,
      {
        TELEMETRY_TOPIC         = var.telemetry.topic
        BODY_LIMIT_BYTES        = tostring(var.telemetry.body_limit_bytes)
        PRODUCE_TIMEOUT_SECONDS = tostring(var.telemetry.produce_timeout_seconds)
      },
      local.token_required ? { GATEWAY_TOKEN_SECRET = local.token_secret } : {},
    )

    policy_statements = concat(
      [for statement in [
        {
          sid       = "Connect"
          actions   = ["kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"]
          resources = [var.kafka.cluster_arn]
        },
        {
          sid       = "Produce"
          actions   = ["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"]
          resources = ["${replace(coalesce(var.kafka.cluster_arn, "none"), ":cluster/", ":topic/")}/${var.telemetry.topic}"]
        },
      ] : statement if var.kafka.auth == "msk-iam"],
      [for statement in [{
        sid       = "ReadToken"
        actions   = ["secretsmanager:GetSecretValue"]
        resources = [local.token_secret]
      }] : statement if local.token_required],
    )
  })

  alarms      = var.alarms
  start_after = concat(var.kafka.topics_ready, local.migrated)
  # Vehicles have no IAM identity: they carry the token, which the function checks.
  auth              = var.telemetry.auth == "iam" ? "AWS_IAM" : "NONE"
  invoke_permission = var.url_invoke_permissions
}

# Secrets Manager generates the token itself, so it is in no state, no plan and no memory of Terraform. (An ephemeral
# random password would be kept out of state and plan only. It also cannot be mocked, so no test could run without an
# account.)
resource "aws_cloudcontrolapi_resource" "telemetry_token" {
  count = local.token_required && var.telemetry.token_secret_arn == null ? 1 : 0

  type_name = "AWS::SecretsManager::Secret"

  desired_state = jsonencode(merge(
    {
      Name                 = "${local.names["telemetry-gateway"]}/token"
      Description          = "What vehicles show to ${local.names["telemetry-gateway"]}"
      GenerateSecretString = { PasswordLength = 48, ExcludePunctuation = true }
    },
    { for arn in var.kms_key_arn[*] : "KmsKeyId" => arn },
  ))
}
