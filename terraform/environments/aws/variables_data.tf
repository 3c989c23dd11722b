# What happens to data: the Kafka cluster's records, the database, the buckets.

variable "generation" {
  description = "Raise it by one to let a change take effect that replaces the network, the Kafka cluster and the database: other addresses, zones, subnets or KMS keys, another name, an earlier Kafka version. The records in Kafka are lost."
  type        = number
  default     = 1
}
