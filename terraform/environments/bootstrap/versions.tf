terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # The state of this environment is in the bucket that it creates, under a key that deployments may not write.
  # scripts/bootstrap moves it there.
  backend "s3" {
    key          = "bootstrap/headwater.tfstate"
    use_lockfile = true
    encrypt      = true
  }
}
