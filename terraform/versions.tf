# Nothing is deployed from here: `terraform test` looks for tests/ beside a configuration, and this is it.
# What is deployed are environments/aws and environments/local.
terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}
