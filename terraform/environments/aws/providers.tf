provider "aws" {
  region = var.region

  default_tags {
    # `deployment` tells the costs of this one from those of others, once it is activated for cost allocation.
    tags = merge(var.tags, { project = "headwater", environment = var.environment, deployment = local.name })
  }
}
