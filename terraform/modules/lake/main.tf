# Two buckets. The lake holds tables and their readers' permissions; the parked one holds payloads that no table took
# (dead letters and batches given up), which other people read, and which nothing ever expires.

module "bucket" {
  source   = "../bucket"
  for_each = toset(["lake", "parked"])

  name           = "${var.name_prefix}-${each.key}${var.buckets.suffix}"
  versioning     = var.buckets.versioning
  lifecycle_days = var.buckets.lifecycle_days
  require_tls    = var.buckets.require_tls
  force_destroy  = var.buckets.force_destroy
  kms_key_arn    = var.kms_key_arn
}
