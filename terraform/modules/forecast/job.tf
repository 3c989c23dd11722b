# The job's code and its arguments: the same for EMR Serverless and for the local stack.

locals {
  job_files = sort(fileset(var.job_dir, "*.py"))
  # The folder name contains a hash of the files, so a running job keeps its code, and a deployment changes all files
  # together.
  job_hash   = substr(sha256(join("", [for name in local.job_files : "${name} ${filesha256("${var.job_dir}/${name}")}\n"])), 0, 16)
  job_prefix = "emr/${local.source}/${local.job_hash}"
  job_root   = "s3://${var.deployment.bucket}/${local.job_prefix}"

  modules = [for name in local.job_files : "${local.job_root}/${name}" if name != "job.py"]

  settings = merge(
    {
      "spark.sql.extensions"            = "io.delta.sql.DeltaSparkSessionExtension"
      "spark.sql.catalog.spark_catalog" = "org.apache.spark.sql.delta.catalog.DeltaCatalog"
    },
    local.on_emr ? local.emr_settings : {},
  )

  spark_arguments = {
    ApplicationId    = local.on_emr ? one(aws_emrserverless_application.this[*].id) : "local"
    ExecutionRoleArn = aws_iam_role.job.arn
    Name             = var.name
    JobDriver = {
      SparkSubmit = {
        EntryPoint = "${local.job_root}/job.py"
        EntryPointArguments = [
          "--raw", local.raw_root,
          "--table", local.table_root,
          "--parked", local.parked_root,
          "--lookback-days", tostring(var.lookback_days),
        ]
        SparkSubmitParameters = join(" ", concat(
          length(local.modules) == 0 ? [] : ["--py-files ${join(",", local.modules)}"],
          [for name, value in local.settings : "--conf ${name}=${value}"],
        ))
      }
    }
    ExecutionTimeoutMinutes = var.spark.timeout_minutes
    ConfigurationOverrides = local.on_emr ? {
      MonitoringConfiguration = { S3MonitoringConfiguration = { LogUri = "s3://${one(module.logs[*].name)}/${local.log_prefix}" } }
    } : null
  }
}

resource "aws_s3_object" "job" {
  for_each = toset(local.job_files)

  bucket       = var.deployment.bucket
  key          = "${local.job_prefix}/${each.key}"
  source       = "${var.job_dir}/${each.key}"
  content_type = "text/x-python"

  # The state machine is changed to the new folder before the old one is deleted.
  lifecycle {
    create_before_destroy = true
  }
}

# ---- The job's role: what the job reads and writes, and nothing else of these buckets --------------------------------

locals {
  # Spark's S3 client requests a folder as if it were an object, and requests an object before it writes it. Without
  # permission S3 answers 403 instead of 404, and the job fails. So each statement names the folder itself and its
  # content. Lists use IfExists, because S3 also checks the list permission without a prefix.
  job_statements = [
    { Sid = "ReadRaw", Effect = "Allow", Action = ["s3:GetObject"], Resource = ["${module.raw.arn}/${local.raw_prefix}*", "${module.raw.arn}/${trimsuffix(local.raw_prefix, "/")}"] },
    { Sid = "ListRaw", Effect = "Allow", Action = ["s3:ListBucket"], Resource = [module.raw.arn], Condition = { StringLikeIfExists = { "s3:prefix" = ["${local.raw_prefix}*", trimsuffix(local.raw_prefix, "/")] } } },
    { Sid = "ReadJob", Effect = "Allow", Action = ["s3:GetObject"], Resource = ["${var.deployment.bucket_arn}/${local.job_prefix}/*"] },
    { Sid = "ListJob", Effect = "Allow", Action = ["s3:ListBucket"], Resource = [var.deployment.bucket_arn], Condition = { StringLikeIfExists = { "s3:prefix" = ["${local.job_prefix}/*"] } } },
    { Sid = "WriteTable", Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"], Resource = ["${var.lake.bucket_arn}/${var.table_path}/*", "${var.lake.bucket_arn}/${var.table_path}"] },
    { Sid = "ListTable", Effect = "Allow", Action = ["s3:ListBucket"], Resource = [var.lake.bucket_arn], Condition = { StringLikeIfExists = { "s3:prefix" = ["${var.table_path}/*", var.table_path] } } },
    { Sid = "ParkRecords", Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], Resource = ["${var.parked.bucket_arn}/${local.parked_prefix}/*", "${var.parked.bucket_arn}/${local.parked_prefix}"] },
    { Sid = "ListParked", Effect = "Allow", Action = ["s3:ListBucket"], Resource = [var.parked.bucket_arn], Condition = { StringLikeIfExists = { "s3:prefix" = ["${local.parked_prefix}/*", local.parked_prefix] } } },
  ]

  key_statements = [for arn in var.function.kms_key_arn[*] : { Sid = "UseKey", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [arn] }]

  job_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.job_statements, local.log_statements, local.key_statements)
  })

  account = data.aws_caller_identity.current.account_id

  # Who may assume the job's role: EMR for runs of this application; on the local stack every identity of the account,
  # because the headwater command serves the activity.
  job_trust = merge(
    {
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { (local.on_emr ? "Service" : "AWS") = local.on_emr ? "emr-serverless.amazonaws.com" : "arn:${local.partition}:iam::${local.account}:root" }
    },
    [for arn in aws_emrserverless_application.this[*].arn : {
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = [arn, "${arn}/jobruns/*"] }
      }
    }]...
  )
}

resource "aws_iam_role" "job" {
  name                 = "${var.name}${var.function.role_suffix}-job"
  description          = "What the Spark job of ${var.name} may do"
  permissions_boundary = var.function.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [merge({ Effect = "Allow", Action = "sts:AssumeRole" }, local.job_trust)]
  })
}

resource "aws_iam_role_policy" "job" {
  name   = "job"
  role   = aws_iam_role.job.name
  policy = local.job_policy
}
