# Where the brokers are. MSK names three of them, a random three where there are more: everything that holds the string would
# change with every plan. Then all of them are listed; sorted, in either case.

locals {
  iam_port    = 9098
  list_nodes  = local.make && local.brokers > 3
  broker_list = local.list_nodes ? flatten([for node in data.aws_msk_broker_nodes.this[0].node_info_list : [for endpoint in node.endpoints : "${endpoint}:${local.iam_port}"]]) : split(",", local.make ? one(aws_msk_cluster.this[*].bootstrap_brokers_sasl_iam) : local.look_up_brokers ? one(data.aws_msk_bootstrap_brokers.existing[*].bootstrap_brokers_sasl_iam) : var.existing.bootstrap_servers)

  bootstrap_servers = join(",", sort(local.broker_list))
}

data "aws_msk_broker_nodes" "this" {
  count       = local.list_nodes ? 1 : 0
  cluster_arn = aws_msk_cluster.this[0].arn
}

data "aws_msk_bootstrap_brokers" "existing" {
  count       = local.look_up_brokers ? 1 : 0
  cluster_arn = var.existing.cluster_arn
}
