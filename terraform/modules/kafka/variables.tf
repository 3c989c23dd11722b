variable "name" {
  description = "Name of the cluster."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9-]{0,63}$", var.name))
    error_message = "MSK takes names of at most 64 letters, digits and -, beginning with a letter or digit."
  }
}

variable "existing" {
  description = "An existing Kafka cluster. bootstrap_servers: its brokers (set them if there are more than three, because a look-up returns three random ones). auth: how clients authenticate. cluster_arn: its ARN if it is MSK (needed for event source mappings; without bootstrap_servers, the brokers are looked up). Null creates a cluster."
  type = object({
    bootstrap_servers = optional(string)
    cluster_arn       = optional(string)
    auth              = optional(string, "msk-iam")
  })
  default = null

  validation {
    condition     = var.existing == null ? true : contains(["plaintext", "msk-iam"], var.existing.auth)
    error_message = "auth must be plaintext or msk-iam."
  }

  validation {
    condition     = var.existing == null ? true : var.existing.bootstrap_servers != null || var.existing.cluster_arn != null
    error_message = "Give bootstrap_servers, or the cluster_arn to look them up."
  }

  validation {
    condition     = try(var.existing.cluster_arn, null) == null ? true : can(regex("^arn:[a-z-]+:kafka:[a-z0-9-]+:[0-9]{12}:cluster/[^/]+/[^/]+$", var.existing.cluster_arn))
    error_message = "cluster_arn must have the form arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/UUID."
  }
}

variable "topics" {
  description = "Topics to create."
  type = list(object({
    name            = string
    partitions      = number
    retention_hours = number
  }))
  default = []
}

variable "manage_topics" {
  description = "Whether to create the topics in an existing MSK cluster (provisioned, Kafka 3.6 or later). In a cluster that this module creates, topics are always created."
  type        = bool
  default     = false
}

variable "generation" {
  description = "Increase by one to apply a new name, subnets, security groups, KMS key, or an earlier version. This deletes the cluster with all its records and creates a new one."
  type        = number
  default     = 1

  validation {
    condition     = var.generation >= 1 && floor(var.generation) == var.generation
    error_message = "generation must be a whole number from 1."
  }
}

variable "cluster" {
  description = "Settings of the created cluster. brokers: a multiple of the number of subnets; null is one per subnet. With three brokers, one can fail without data loss or downtime. With two brokers, records have two replicas, and a record that is acknowledged while one broker is down is on one disk only. MSK can add brokers but no zones, and a cluster keeps its first replication factor. instance_type: a broker of type kafka.t3.small accepts 4 new IAM connections per second, one of type kafka.m5 or kafka.m7g accepts 100. On small brokers, a burst of cold starts waits. volume_gb: initial size. Volumes grow automatically up to maximum_volume_gb and never shrink. With equal values they do not grow automatically, and `aws kafka update-broker-storage` enlarges them. monitoring: level of MSK's metrics. DEFAULT is free and includes the metrics of the alarms; the other levels are billed per broker, topic and partition. kafka_version: with .kraft, metadata are in Kafka; without it, in ZooKeeper. Null is 3.9.x.kraft for a new cluster (3.9.x with kafka.t3.small, which MSK does not support with KRaft), and no change for an existing one. A later version is upgraded in place and cannot be downgraded."
  type = object({
    kafka_version = optional(string)
    instance_type = optional(string, "kafka.t3.small")
    brokers       = optional(number)
    volume_gb     = optional(number, 50)
    kms_key_arn   = optional(string)
    monitoring    = optional(string, "DEFAULT")

    maximum_volume_gb = optional(number, 500)
  })
  default = {}

  validation {
    condition     = var.cluster.brokers == null ? true : var.cluster.brokers >= 2
    error_message = "MSK needs at least two brokers."
  }

  validation {
    condition     = contains(["DEFAULT", "PER_BROKER", "PER_TOPIC_PER_BROKER", "PER_TOPIC_PER_PARTITION"], var.cluster.monitoring)
    error_message = "monitoring must be DEFAULT, PER_BROKER, PER_TOPIC_PER_BROKER or PER_TOPIC_PER_PARTITION."
  }

  validation {
    condition     = var.cluster.kafka_version == null ? true : can(regex("^[0-9]+\\.[0-9]+\\.[0-9x]+(\\.kraft)?$", var.cluster.kafka_version))
    error_message = "kafka_version must be a version that `aws kafka list-kafka-versions` lists, such as 3.9.x.kraft."
  }
}

variable "subnet_ids" {
  description = "Private subnets of the brokers, one per availability zone; unused with an existing Kafka."
  type        = list(string)
  default     = []
}

variable "security_group_ids" {
  description = "Security groups of the brokers, which Lambda's pollers use too; unused with an existing Kafka."
  type        = list(string)
  default     = []
}

variable "alarms" {
  description = "Alarms of the created cluster, and the SNS topics that they notify; null for none."
  type = object({
    topic_arns   = optional(list(string), [])
    disk_percent = optional(number, 85)
    cpu_percent  = optional(number, 60)
  })
  default = null
}

variable "kms_key_arn" {
  description = "KMS key of the brokers' log; null for AWS's own key. `cluster.kms_key_arn` is the key of the brokers' volumes."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "Days that the brokers' log is kept."
  type        = number
  default     = 14
}
