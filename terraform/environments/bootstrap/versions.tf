terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Its own state lies in the bucket that it makes, outside of what deployments may write. scripts/bootstrap moves it there.
  backend "s3" {
    key          = "bootstrap/headwater.tfstate"
    use_lockfile = true
    encrypt      = true
  }
}
