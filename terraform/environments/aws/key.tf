# A customer-managed KMS key, created here or existing, instead of AWS's keys.

module "key" {
  source = "../../modules/key"
  count  = var.encryption.customer_key ? 1 : 0
  name   = local.name
}

locals {
  key_arn = var.encryption.customer_key ? one(module.key[*].arn) : var.encryption.kms_key_arn
}
