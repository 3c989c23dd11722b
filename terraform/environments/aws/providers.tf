provider "aws" {
  region = var.region

  default_tags {
    tags = { project = "headwater", environment = var.environment }
  }
}
