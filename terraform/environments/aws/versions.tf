terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Bucket, key and region by -backend-config; without any, `terraform init -backend=false` validates.
  backend "s3" {
    use_lockfile = true
    encrypt      = true
  }
}
