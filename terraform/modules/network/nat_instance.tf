# With egress "nat_instance": one small instance does NAT instead of a NAT gateway, which costs four times as much. It
# has no role and no key, accepts no logins and stores no data, so it can be replaced at any time. If its hardware
# fails, EC2 recovers it within minutes. The network interface, with the route and the public address, stays when the
# instance is replaced.

data "aws_ssm_parameter" "nat_image" {
  count = local.nat_instance && var.nat_instance.ami_id == null ? 1 : 0
  name  = "/aws/service/ami-amazon-linux-latest/al2023-ami-minimal-kernel-default-arm64"
}

resource "aws_security_group" "nat_instance" {
  count = local.nat_instance ? 1 : 0

  name        = "${var.name}-nat"
  description = "The NAT instance"
  vpc_id      = local.vpc_id
  tags        = { Name = "${var.name}-nat" }
}

# The rule uses addresses instead of a security group: traffic that passes through has another destination, and rules
# that reference a group do not match it.
resource "aws_vpc_security_group_ingress_rule" "nat_instance" {
  count = local.nat_instance ? 1 : 0

  security_group_id = aws_security_group.nat_instance[0].id
  cidr_ipv4         = local.layout.cidr
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "https of the private subnets"
}

# The instance downloads its packages over https, too.
resource "aws_vpc_security_group_egress_rule" "nat_instance" {
  count = local.nat_instance ? 1 : 0

  security_group_id = aws_security_group.nat_instance[0].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "https"
}

resource "aws_network_interface" "nat" {
  count             = local.nat_instance ? 1 : 0
  subnet_id         = aws_subnet.public[0].id
  security_groups   = [aws_security_group.nat_instance[0].id]
  source_dest_check = false # it forwards packets with other destinations
  description       = "${var.name}: the way out"
  tags              = { Name = "${var.name}-nat" }
}

# A separate Elastic IP, not the gateway's: an address with two owners would cause conflicts when egress changes.
resource "aws_eip" "nat_instance" {
  count             = local.nat_instance ? 1 : 0
  domain            = "vpc"
  network_interface = aws_network_interface.nat[0].id
  tags              = { Name = "${var.name}-nat" }

  depends_on = [aws_internet_gateway.this]
}

resource "aws_instance" "nat" {
  # checkov:skip=CKV_AWS_126:detailed monitoring is paid; the status checks arrive every minute without it
  # checkov:skip=CKV_AWS_135:false positive: every Graviton instance type is EBS-optimized by default
  # checkov:skip=CKV2_AWS_41:it calls nothing of AWS, so it needs no role
  count         = local.nat_instance ? 1 : 0
  ami           = var.nat_instance.ami_id == null ? one(data.aws_ssm_parameter.nat_image[*].insecure_value) : var.nat_instance.ami_id
  instance_type = var.nat_instance.type
  monitoring    = false
  user_data     = templatefile("${path.module}/files/nat.sh.tftpl", { cidr = local.layout.cidr })

  network_interface {
    device_index         = 0
    network_interface_id = aws_network_interface.nat[0].id
  }

  # The default of t4g, "unlimited", is billed for CPU beyond the baseline.
  credit_specification {
    cpu_credits = "standard"
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = var.nat_instance.volume_gb
    encrypted   = true
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  tags = { Name = "${var.name}-nat" }

  lifecycle {
    # As for the host: without this, a new image would replace the instance in any apply. To take a new image: terraform
    # apply -replace=….
    ignore_changes = [ami, user_data]
  }

  # During its first boot the instance downloads a package.
  depends_on = [aws_eip.nat_instance, aws_route_table_association.public, aws_vpc_security_group_egress_rule.nat_instance]
}

resource "aws_cloudwatch_metric_alarm" "nat_instance" {
  count = local.nat_instance && var.alarms != null ? 1 : 0

  alarm_name          = "${var.name}-nat-status"
  alarm_description   = "The NAT instance of ${var.name} fails its status checks: nothing reaches AWS, and no mapping delivers. EC2 recovers it where AWS's hardware is the cause. Runbook: The NAT instance fails its status checks."
  namespace           = "AWS/EC2"
  metric_name         = "StatusCheckFailed"
  dimensions          = { InstanceId = aws_instance.nat[0].id }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 5
  treat_missing_data  = "breaching" # no data: the instance was stopped or terminated
  alarm_actions       = var.alarms.topic_arns
  ok_actions          = var.alarms.topic_arns
}
