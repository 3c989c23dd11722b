# EMR Serverless: between two jobs nothing runs and nothing is billed.

locals {
  on_emr     = var.spark_on == "emr"
  log_prefix = "${local.source}/"

  # A worker's memory is the sum of Spark's memory and the overhead (Python and JVM). Both are set explicitly. Otherwise
  # EMR would round up to the next larger worker size.
  overhead_mb = { for role, worker in { driver = var.spark.driver, executor = var.spark.executor } : role => max(512, worker.memory_gb * 128) }

  # Paths and sizes of EMR. The local stack does not use them.
  emr_settings = {
    "spark.jars"                    = "/usr/share/aws/delta/lib/delta-spark.jar,/usr/share/aws/delta/lib/delta-storage.jar"
    "spark.driver.cores"            = var.spark.driver.cpu
    "spark.driver.memory"           = "${var.spark.driver.memory_gb * 1024 - local.overhead_mb.driver}m"
    "spark.driver.memoryOverhead"   = "${local.overhead_mb.driver}m"
    "spark.executor.cores"          = var.spark.executor.cpu
    "spark.executor.memory"         = "${var.spark.executor.memory_gb * 1024 - local.overhead_mb.executor}m"
    "spark.executor.memoryOverhead" = "${local.overhead_mb.executor}m"
    # Without a limit EMR adds executors until the application's maximum.
    "spark.dynamicAllocation.initialExecutors" = 1
    "spark.dynamicAllocation.minExecutors"     = 1
    "spark.dynamicAllocation.maxExecutors"     = var.spark.executor.most
  }

  log_statements = flatten([for arn in module.logs[*].arn : [
    { Sid = "WriteLogs", Effect = "Allow", Action = ["s3:PutObject"], Resource = ["${arn}/${local.log_prefix}*"] },
    { Sid = "ListLogs", Effect = "Allow", Action = ["s3:ListBucket"], Resource = [arn], Condition = { StringLikeIfExists = { "s3:prefix" = ["${local.log_prefix}*"] } } },
  ]])

  ready = local.on_emr && var.spark.ready_workers > 0 ? { Driver = merge(var.spark.driver, { count = 1 }), Executor = merge(var.spark.executor, { count = var.spark.ready_workers }) } : {}
}

module "logs" {
  source = "../bucket"
  count  = local.on_emr ? 1 : 0

  name            = var.log_bucket
  versioning      = false # logs are written once
  lifecycle_days  = 0
  expiration_days = var.spark.log_days
  require_tls     = var.buckets.require_tls
  force_destroy   = true # logs must not prevent the removal of the lane
  kms_key_arn     = var.function.kms_key_arn
}

# Provider 5.100 cannot set the maximum number of concurrent jobs (EMR's default is 15). The state machine prevents
# concurrent runs.
resource "aws_emrserverless_application" "this" {
  count = local.on_emr ? 1 : 0

  name          = var.name
  type          = "spark"
  release_label = var.spark.release_label
  architecture  = upper(var.spark.architecture)

  maximum_capacity {
    cpu    = "${var.spark.maximum.cpu} vCPU"
    memory = "${var.spark.maximum.memory_gb} GB"
    disk   = "${var.spark.maximum.disk_gb} GB"
  }

  auto_start_configuration {
    enabled = true
  }

  auto_stop_configuration {
    enabled              = true
    idle_timeout_minutes = var.spark.idle_minutes
  }

  dynamic "initial_capacity" {
    for_each = local.ready
    content {
      initial_capacity_type = initial_capacity.key

      initial_capacity_config {
        worker_count = initial_capacity.value.count

        worker_configuration {
          cpu    = "${initial_capacity.value.cpu} vCPU"
          memory = "${initial_capacity.value.memory_gb} GB"
        }
      }
    }
  }

  dynamic "network_configuration" {
    for_each = var.function.network[*]
    content {
      subnet_ids         = network_configuration.value.subnet_ids
      security_group_ids = network_configuration.value.security_group_ids
    }
  }
}
