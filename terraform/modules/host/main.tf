# The operators' host: an instance in a private subnet, with the headwater command, psql and Kafka's tools. It is
# reached only by Session Manager and holds no data, so it can be replaced at any time.

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

data "aws_ssm_parameter" "image" {
  count = var.instance.ami_id == null ? 1 : 0
  name  = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
}

locals {
  name = "${var.name}-host"

  partition   = data.aws_partition.current.partition
  account_arn = "${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"
}

resource "aws_instance" "this" {
  # checkov:skip=CKV_AWS_126:detailed monitoring is paid, and nothing reads it: the alarms use the status checks, which arrive every minute without it
  # checkov:skip=CKV_AWS_135:false positive: every arm64 instance type is EBS-optimized by default, and this module takes only arm64
  ami                         = var.instance.ami_id == null ? one(data.aws_ssm_parameter.image[*].insecure_value) : var.instance.ami_id
  instance_type               = var.instance.type
  subnet_id                   = var.network.subnet_id
  vpc_security_group_ids      = var.network.security_group_ids
  associate_public_ip_address = false
  iam_instance_profile        = aws_iam_instance_profile.this.name
  monitoring                  = false

  # The user data contains the address of the bucket, and the script and the timer that install its content. A new
  # version needs no new instance.
  user_data = local.user_data

  root_block_device {
    volume_type = "gp3"
    volume_size = var.instance.volume_gb
    encrypted   = true
    kms_key_id  = var.instance.kms_key_arn
  }

  # One hop, so that containers on the host cannot use the role.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  tags = { Name = local.name, (local.patch_tag) = local.name }

  lifecycle {
    # Without this, a new image of Amazon Linux would replace the instance in any apply; instead, packages are patched
    # in place. A change of the user data would stop and start the instance, but user data runs only at the first boot.
    # To apply either: terraform apply -replace=….
    ignore_changes = [ami, user_data]
  }

  # When the instance boots, its role must be able to read the bucket and to register with SSM.
  depends_on = [aws_iam_role_policy.this, aws_s3_object.manifest]
}

resource "aws_cloudwatch_metric_alarm" "status" {
  count = var.alarms == null ? 0 : 1

  alarm_name          = "${local.name}-status"
  alarm_description   = "The host ${local.name} fails its status checks. EC2 recovers it where AWS's hardware is the cause; otherwise stop and start it, or replace it: it holds no data. Runbook: The host fails its status checks."
  namespace           = "AWS/EC2"
  metric_name         = "StatusCheckFailed"
  dimensions          = { InstanceId = aws_instance.this.id }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 5
  treat_missing_data  = "notBreaching" # a stopped instance has no status checks
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}
