# The lanes: every function between the sources and the sinks, as both environments deploy them.
# parquet-writer, totals-upserter, table-writer, schema-migrator, lake-keeper, reconciler and live-board handle every topic
# that has a pipeline file. rooms-generator and telemetry-gateway each produce to one topic. bucket-ingester, inbox-etl and
# forecast-fetcher read no pipeline file.

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  enabled = merge(
    { for lane, enabled in var.enabled : replace(lane, "_", "-") => enabled },
    { schema-migrator = true, forecast-fetcher = var.forecast != null },
  )
  functions = sort([for function, enabled in local.enabled : function if enabled])
  prefix    = var.name_prefix == "" ? "" : "${var.name_prefix}-"
  names     = { for function in local.functions : function => "${local.prefix}${function}" }

  # The Delta tables of the pipeline files, below the lake's root.
  table_paths = distinct(values(var.lake.tables))

  # Lambda limits all variables of a function together to 4 KB. A larger pipelines document goes to S3.
  document_bytes = length(base64encode(var.pipelines.json)) * 3 / 4
  spilled        = local.document_bytes > var.inline_limit_bytes

  # A function's version keeps its environment, and with it the address of one version of the document.
  pipelines_version = var.buckets.versioning ? "?versionId=${join("", aws_s3_object.pipelines[*].version_id)}" : ""

  pipelines_inline = { HEADWATER_PIPELINES = var.pipelines.json }
  pipelines_by_address = merge(
    { for key in aws_s3_object.pipelines[*].key : "HEADWATER_PIPELINES_URI" => "s3://${module.deployment.versioned_name}/${key}${local.pipelines_version}" },
    # Without versioning the address stays the same, and a running function would keep the old document in memory. A new
    # hash in the environment restarts the function.
    var.buckets.versioning ? {} : { HEADWATER_PIPELINES_SHA256 = sha256(var.pipelines.json) },
  )
  read_pipelines = [for key in aws_s3_object.pipelines[*].key : {
    sid       = "ReadPipelines"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["${module.deployment.arn}/${key}"]
    condition = {}
  }]

  pipelines_environment = local.spilled ? local.pipelines_by_address : local.pipelines_inline
  pipelines_statements  = [for statement in local.read_pipelines : statement if local.spilled]

  # A lane that reads objects also lists and deletes the records that it parked from an earlier read of an object. It
  # may do so only in its own folder.
  parking_statements = {
    for function in ["bucket-ingester", "inbox-etl"] : function => [
      {
        sid       = "ParkRecords"
        actions   = ["s3:PutObject", "s3:DeleteObject"]
        resources = ["${var.parked.bucket_arn}/parked/${function}/*"]
        condition = {}
      },
      {
        # IfExists: before S3 answers 404 for a missing object, it checks this permission without a prefix.
        sid       = "ListParked"
        actions   = ["s3:ListBucket"]
        resources = [var.parked.bucket_arn]
        condition = { StringLikeIfExists = { "s3:prefix" = ["parked/${function}/*"] } }
      },
    ]
  }

  # Permissions of functions that count or show the parked records of all lanes.
  read_parked = [
    {
      sid       = "ReadParked"
      actions   = ["s3:GetObject"]
      resources = ["${var.parked.bucket_arn}/parked/*"]
      condition = {}
    },
    {
      # IfExists, as above.
      sid       = "ListParked"
      actions   = ["s3:ListBucket"]
      resources = [var.parked.bucket_arn]
      condition = { StringLikeIfExists = { "s3:prefix" = ["parked/*"] } }
    },
  ]

  # arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/UUID → …:topic/NAME/UUID/TOPIC and …:group/NAME/UUID/GROUP
  kafka_topics = [for topic in var.pipelines.topics : "${replace(coalesce(var.kafka.cluster_arn, "none"), ":cluster/", ":topic/")}/${topic.name}"]
  kafka_groups = distinct([
    for mapping in concat(var.pipelines.lake_mappings, var.pipelines.totals_mappings, var.pipelines.table_mappings) :
    "${replace(coalesce(var.kafka.cluster_arn, "none"), ":cluster/", ":group/")}/${mapping.consumer_group}"
  ])

  account_arn = "${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"

  # Settings that all functions share. Each lane adds its description, variables and permissions.
  function = {
    for function in local.functions : function => {
      name                     = local.names[function]
      code                     = local.code[function]
      architecture             = var.architecture
      memory_mb                = var.sizes[replace(function, "-", "_")].memory_mb
      timeout_seconds          = var.sizes[replace(function, "-", "_")].timeout_seconds
      reserved_concurrency     = try(var.sizes[replace(function, "-", "_")].reserved_concurrency, -1)
      log_level                = var.log_level
      network                  = var.network
      versions                 = var.versions
      held_version             = lookup(var.held_versions, function, null)
      role_suffix              = var.roles.suffix
      permissions_boundary_arn = var.roles.permissions_boundary_arn
      kms_key_arn              = var.kms_key_arn
    }
  }

  fed_by_kafka = [for function in ["parquet-writer", "totals-upserter", "table-writer"] : function if local.enabled[function]]
  scheduled    = [for function in ["rooms-generator", "bucket-ingester", "inbox-etl", "lake-keeper", "reconciler"] : function if local.enabled[function]]

  # The deployed lanes, by folder name, for the outputs.
  deployed = merge(
    { for lane in module.parquet_writer : "parquet-writer" => lane },
    module.postgres_writer,
    { for lane in module.bucket_ingester : "bucket-ingester" => lane },
    { for lane in module.inbox_etl : "inbox-etl" => lane },
    { for lane in module.rooms_generator : "rooms-generator" => lane },
    { for lane in module.telemetry_gateway : "telemetry-gateway" => lane },
    { for lane in module.live_board : "live-board" => lane },
    { for lane in module.lake_keeper : "lake-keeper" => lane },
    { for lane in module.reconciler : "reconciler" => lane },
    { for lane in module.forecast : "forecast-fetcher" => lane.fetcher },
    { schema-migrator = module.schema_migrator },
  )

  # A function that only the sweep feeds has no queue. The expression uses [0] and a single output, because a loop over
  # the modules would wait for all their resources.
  queue_names = { for function, names in {
    bucket-ingester = var.enabled.bucket_ingester ? module.bucket_ingester[0].queue_names : null
    inbox-etl       = var.enabled.inbox_etl ? module.inbox_etl[0].queue_names : null
  } : function => names if names != null }

  common_environment = { HEADWATER_ENVIRONMENT = var.environment }

  # Variables of the database connection, by role. The certificate authorities are needed only for a Postgres whose
  # certificate comes neither from a public authority nor from Amazon RDS.
  database_environment = { for user, connection in { administrator = var.warehouse.administrator, writer = var.warehouse.writer, reader = var.warehouse.reader } : user => merge(
    { DATABASE_URL = connection.url, DATABASE_AUTH = connection.auth },
    var.database_ca_pem == "" ? {} : { DATABASE_CA_PEM = var.database_ca_pem },
  ) }

  kafka_environment = { KAFKA_BOOTSTRAP_SERVERS = var.kafka.bootstrap_servers, KAFKA_AUTH = var.kafka.auth }
}

# Old versions of this object stay readable: during a deployment, and after a failed one, the old versions of the
# functions start with the pipeline files that they were deployed with. (With the content's hash in the key, Terraform
# would delete the old object.)
resource "aws_s3_object" "pipelines" {
  count = local.spilled || local.board_spilled ? 1 : 0

  bucket       = module.deployment.versioned_name
  key          = "config/pipelines.json"
  content      = var.pipelines.json
  content_type = "application/json"
}
