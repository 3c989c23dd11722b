# Volumes that grow by themselves: by 10 GB or a tenth at a time, at most once in six hours, and never back.

locals {
  volume_grows = local.make && var.cluster.maximum_volume_gb > var.cluster.volume_gb
}

resource "aws_appautoscaling_target" "volume" {
  count              = local.volume_grows ? 1 : 0
  service_namespace  = "kafka"
  scalable_dimension = "kafka:broker-storage:VolumeSize"
  resource_id        = aws_msk_cluster.this[0].arn
  min_capacity       = 1 # without effect: a volume never shrinks
  max_capacity       = var.cluster.maximum_volume_gb
}

resource "aws_appautoscaling_policy" "volume" {
  count              = local.volume_grows ? 1 : 0
  name               = "${var.name}-kafka-volume"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.volume[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.volume[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.volume[0].resource_id

  target_tracking_scaling_policy_configuration {
    # AWS advises 50 to 60 %: there is time to grow again before the disk is full.
    target_value     = 60
    disable_scale_in = true

    predefined_metric_specification {
      predefined_metric_type = "KafkaBrokerStorageUtilization"
    }
  }
}
