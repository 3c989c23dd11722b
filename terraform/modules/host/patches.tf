# Patch Manager installs security updates with AWS's baseline for Amazon Linux 2023. headwater-update selects the newest
# release of Amazon Linux; without that there would be no updates to install.

locals {
  # The association selects the host by this tag. So it can exist before the host, and the policy can name it.
  patch_tag = "headwater-host"
}

resource "aws_ssm_association" "patches" {
  association_name    = "${local.name}-patches"
  name                = "AWS-RunPatchBaseline"
  schedule_expression = var.patch_schedule

  # Otherwise the association runs at once, and reboots the host during its first installation of packages.
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
