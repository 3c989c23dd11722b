terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # -backend-config sets bucket, key and region. Without it, `terraform init -backend=false` is enough to validate.
  backend "s3" {
    use_lockfile = true
    encrypt      = true
  }
}
