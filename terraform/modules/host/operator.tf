# Permissions of operators on the host: read the sources and sinks of the lanes, show positions, sign in to the database
# as the reader, invoke functions (to redrive parked records, to maintain the lake), and pause a mapping to reset its
# consumer group. No statement allows writes to a table of the lake, to the database or to a topic, or a change of a
# function's code.

locals {
  # arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/UUID → …:topic/NAME/UUID/TOPIC, and so on
  kafka_arns = { for kind in ["topic", "group", "transactional-id"] : kind => replace(coalesce(var.kafka.cluster_arn, "none"), ":cluster/", ":${kind}/") }

  topics = [for topic in var.kafka.topics : "${local.kafka_arns["topic"]}/${topic}"]
  groups = [for group in var.kafka.groups : "${local.kafka_arns["group"]}/${group}"]

  kafka_statements = [for statement in [
    {
      sid       = "ConnectToKafka"
      actions   = ["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"]
      resources = [var.kafka.cluster_arn]
      condition = {}
    },
    {
      sid       = "ReadTopics"
      actions   = ["kafka-cluster:DescribeTopic", "kafka-cluster:DescribeTopicDynamicConfiguration", "kafka-cluster:ReadData"]
      resources = local.topics
      condition = {}
    },
    {
      # AlterGroup resets a group (`headwater offsets reset --rewind`, `accept-loss`). kafka-console-consumer reads in
      # its own group, whose name ends with a random number.
      sid       = "SetGroupsBack"
      actions   = ["kafka-cluster:DescribeGroup", "kafka-cluster:AlterGroup"]
      resources = concat(local.groups, ["${local.kafka_arns["group"]}/console-consumer-*"])
      condition = {}
    },
    {
      # Producers of other teams choose their own transactional ids.
      sid       = "FindTransactions"
      actions   = ["kafka-cluster:DescribeTransactionalId"]
      resources = ["${local.kafka_arns["transactional-id"]}/*"]
      condition = {}
    },
  ] : statement if var.kafka.auth == "msk-iam"]

  mappings = [for id in var.functions.mapping_ids : "arn:${local.partition}:lambda:${local.account_arn}:event-source-mapping:${id}"]

  parked_folders = ["parked/*", "aws/lambda/*"] # records, and batches that Lambda gave up

  operator_statements = concat(
    [
      {
        sid       = "InstallSoftware"
        actions   = ["s3:GetObject"]
        resources = ["${var.deployment.bucket_arn}/${local.folder}/*"]
        condition = {}
      },
      {
        sid       = "ReadObjects"
        actions   = ["s3:GetObject"]
        resources = [for bucket in var.buckets : "${bucket.arn}/${bucket.prefix}*"]
        condition = {}
      },
      {
        sid       = "ReadAndRedriveParked"
        actions   = ["s3:GetObject", "s3:DeleteObject"]
        resources = [for folder in local.parked_folders : "${var.parked_bucket_arn}/${folder}"]
        condition = {}
      },
      {
        sid       = "ListBuckets"
        actions   = ["s3:ListBucket"]
        resources = distinct(concat([for bucket in var.buckets : bucket.arn if bucket.prefix == ""], [var.parked_bucket_arn]))
        condition = {}
      },
      {
        # IfExists: before S3 answers 404 for a missing object, it checks this permission without a prefix.
        sid       = "ListFolders"
        actions   = ["s3:ListBucket"]
        resources = distinct([for bucket in var.buckets : bucket.arn if bucket.prefix != ""])
        condition = { StringLikeIfExists = { "s3:prefix" = [for bucket in var.buckets : "${bucket.prefix}*" if bucket.prefix != ""] } }
      },
      {
        sid       = "InvokeFunctions"
        actions   = ["lambda:InvokeFunction"]
        resources = var.functions.invoked_arns
        condition = {}
      },
      {
        # AWS checks both actions. The second applies only to requests through the URL.
        sid       = "LookAtBoardByUrl"
        actions   = ["lambda:InvokeFunctionUrl"]
        resources = var.functions.signed_url_arns
        condition = { StringEquals = { "lambda:FunctionUrlAuthType" = ["AWS_IAM"] } }
      },
      {
        sid       = "LookAtBoard"
        actions   = ["lambda:InvokeFunction"]
        resources = var.functions.signed_url_arns
        condition = { Bool = { "lambda:InvokedViaFunctionUrl" = ["true"] } }
      },
      {
        sid       = "ReadMappings"
        actions   = ["lambda:GetEventSourceMapping"]
        resources = local.mappings
        condition = {}
      },
      {
        # Kafka accepts new offsets for a group only while the group has no active consumer. The condition admits the
        # mappings of this deployment. A list of their ARNs could exceed the 10,240 characters of a role's policies.
        sid       = "PauseMappings"
        actions   = ["lambda:UpdateEventSourceMapping"]
        resources = length(local.mappings) == 0 ? [] : ["arn:${local.partition}:lambda:${local.account_arn}:event-source-mapping:*"]
        condition = { ArnLike = { "lambda:FunctionArn" = ["arn:${local.partition}:lambda:${local.account_arn}:function:${var.name}-*"] } }
      },
      {
        # With :* at the end: AWS's guide uses this form in policies, except for the actions about tags.
        sid       = "ReadLogs"
        actions   = ["logs:FilterLogEvents"]
        resources = [for name in var.functions.names : "arn:${local.partition}:logs:${local.account_arn}:log-group:/aws/lambda/${name}:*"]
        condition = {}
      },
      {
        sid       = "MeasureQueues"
        actions   = ["sqs:GetQueueAttributes"]
        resources = [for name in var.queue_names : "arn:${local.partition}:sqs:${local.account_arn}:${name}"]
        condition = {}
      },
      {
        sid       = "ReadGatewayToken"
        actions   = ["secretsmanager:GetSecretValue"]
        resources = var.token_secret_arn[*]
        condition = {}
      },
      {
        # Only for objects and secrets that the statements above let it read.
        sid       = "Decrypt"
        actions   = ["kms:Decrypt"]
        resources = var.decrypt_key_arns
        condition = { StringEquals = { "kms:ViaService" = [for service in ["s3", "secretsmanager"] : "${service}.${local.region}.amazonaws.com"] } }
      },
    ],
    [for statement in var.database.statements : { sid = statement.sid, actions = statement.actions, resources = statement.resources, condition = {} }],
    local.kafka_statements,
  )
}
