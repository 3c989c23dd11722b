# Bootstrap servers: three brokers, from which clients learn the others. With more than three brokers, MSK's own
# bootstrap string names three random ones, so every resource that contains it would change in every plan. The names of
# all brokers of a large cluster would exceed the 4 KB of a function's environment.

locals {
  iam_port   = 9098
  list_nodes = local.make && local.brokers > 3

  # Sorted by broker id, so that b-10 comes after b-9.
  nodes       = local.list_nodes ? { for node in data.aws_msk_broker_nodes.this[0].node_info_list : format("%04d", node.broker_id) => "${sort(node.endpoints)[0]}:${local.iam_port}" } : {}
  first_three = local.list_nodes ? slice(values(local.nodes), 0, 3) : []

  msk_brokers = (
    local.make ? one(aws_msk_cluster.this[*].bootstrap_brokers_sasl_iam) :
    local.look_up_brokers ? one(data.aws_msk_bootstrap_brokers.existing[*].bootstrap_brokers_sasl_iam) :
    var.existing.bootstrap_servers
  )

  bootstrap_servers = join(",", local.list_nodes ? local.first_three : sort(split(",", local.msk_brokers)))
}

data "aws_msk_broker_nodes" "this" {
  count       = local.list_nodes ? 1 : 0
  cluster_arn = aws_msk_cluster.this[0].arn
}

data "aws_msk_bootstrap_brokers" "existing" {
  count       = local.look_up_brokers ? 1 : 0
  cluster_arn = var.existing.cluster_arn
}
