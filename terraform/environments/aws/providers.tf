provider "aws" {
  region = var.region

  default_tags {
    # `deployment` separates the costs of this deployment from others, after it is activated as a cost allocation tag.
    tags = merge(var.tags, { project = "headwater", environment = var.environment, deployment = local.name })
  }
}
