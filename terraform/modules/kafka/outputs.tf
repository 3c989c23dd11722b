output "connection" {
  description = "How clients and mappings connect to Kafka. ARN and name are null if Kafka is not MSK."
  value = {
    bootstrap_servers = local.bootstrap_servers
    auth              = local.auth
    cluster_arn       = local.cluster_arn
    cluster_name      = local.cluster_name
    # Mappings and producers use this value to wait for the topics.
    topics_ready = [for topic in aws_cloudcontrolapi_resource.topic : topic.id]
  }
}

output "security" {
  description = "Security settings of the created cluster; null with an existing one."
  value = local.make ? {
    iam             = aws_msk_cluster.this[0].client_authentication[0].sasl[0].iam
    unauthenticated = aws_msk_cluster.this[0].client_authentication[0].unauthenticated
    client_broker   = aws_msk_cluster.this[0].encryption_info[0].encryption_in_transit[0].client_broker
    in_cluster      = aws_msk_cluster.this[0].encryption_info[0].encryption_in_transit[0].in_cluster
    public_access   = aws_msk_cluster.this[0].broker_node_group_info[0].connectivity_info[0].public_access[0].type
  } : null
}
