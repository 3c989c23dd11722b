# The lanes: every function between the sources and the sinks, as both environments deploy them.
# parquet-writer, totals-upserter and schema-migrator know no topic by name; rooms-generator makes records of one.
# bucket-ingester and inbox-etl read objects, and no pipeline file.

data "aws_partition" "current" {}

locals {
  functions = ["parquet-writer", "totals-upserter", "bucket-ingester", "inbox-etl", "schema-migrator", "rooms-generator"]
  names     = { for function in local.functions : function => "${var.name_prefix == "" ? "" : "${var.name_prefix}-"}${function}" }

  # Lambda gives 4 KB to all variables of a function together. What outgrows its share goes to S3.
  spilled = length(base64encode(var.pipelines.json)) * 3 / 4 > var.inline_limit_bytes

  pipelines_environment = local.spilled ? {
    HEADWATER_PIPELINES_URI = "s3://${module.deployment.name}/${aws_s3_object.pipelines[0].key}"
    } : {
    HEADWATER_PIPELINES = var.pipelines.json
  }

  pipelines_statements = [for statement in [{
    sid       = "ReadPipelines"
    actions   = ["s3:GetObject"]
    resources = [for key in aws_s3_object.pipelines[*].key : "${module.deployment.arn}/${key}"]
  }] : statement if local.spilled]

  # A lane over objects may also read and delete what it parked: in its own folder, and nowhere else.
  parking_statements = {
    for function in ["bucket-ingester", "inbox-etl"] : function => [
      {
        sid       = "ParkRecords"
        actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
        resources = ["${var.parked.bucket_arn}/parked/${function}/*"]
        condition = {}
      },
      {
        # IfExists: S3 asks this permission without a prefix too, before it says of an object that it is not there.
        sid       = "ListParked"
        actions   = ["s3:ListBucket"]
        resources = [var.parked.bucket_arn]
        condition = { StringLikeIfExists = { "s3:prefix" = ["parked/${function}/*"] } }
      },
    ]
  }

  common_environment = { HEADWATER_ENVIRONMENT = var.environment }
}

# The content's hash is in the name: functions that start while a change is rolled out read the document they were given.
resource "aws_s3_object" "pipelines" {
  count = local.spilled ? 1 : 0

  bucket       = module.deployment.name
  key          = "config/pipelines-${substr(sha256(var.pipelines.json), 0, 16)}.json"
  content      = var.pipelines.json
  content_type = "application/json"

  lifecycle {
    create_before_destroy = true
  }
}
