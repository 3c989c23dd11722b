# Security updates by Patch Manager, with AWS's baseline for Amazon Linux 2023. headwater-update makes the host follow the newest
# release; without that there is nothing to install.

locals {
  # The association finds the host by this tag, and so is there before it and the policy can name it.
  patch_tag = "headwater-host"
}

resource "aws_ssm_association" "patches" {
  association_name    = "${local.name}-patches"
  name                = "AWS-RunPatchBaseline"
  schedule_expression = var.patch_schedule

  # Otherwise it runs at once, and reboots the host while its first packages are installed.
  apply_only_at_cron_interval = true

  parameters = {
    Operation    = "Install"
    RebootOption = "RebootIfNeeded"
  }

  targets {
    key    = "tag:${local.patch_tag}"
    values = [local.name]
  }
}
