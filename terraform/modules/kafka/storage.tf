# Automatic growth of the volumes: by 10 GB or 10 % at a time, whichever is more, at most once in six hours. Volumes
# never shrink.

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
    # AWS recommends 50 to 60 %, so that a volume can grow again before it is full.
    target_value     = 60
    disable_scale_in = true

    predefined_metric_specification {
      predefined_metric_type = "KafkaBrokerStorageUtilization"
    }
  }
}
