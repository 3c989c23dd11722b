# The guard is created last and destroyed first. Every module in main.tf must also be in depends_on.

module "guard" {
  source        = "../../modules/guard"
  allow_destroy = var.allow_destroy
  data          = concat(["buckets"], var.existing_kafka == null ? ["kafka"] : [], var.existing_database == null ? ["database"] : [], var.encryption.customer_key ? ["key"] : [])

  depends_on = [module.key, module.network, module.kafka, module.warehouse, module.lake, module.lanes, module.host, module.observability]
}
