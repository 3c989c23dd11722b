# Two buckets. The lake bucket contains the Delta tables. The parked bucket contains parked records and batches that
# were given up; it has other readers, and its objects never expire.

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
