variable "name" {
  description = "Name of the cluster."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9-]{0,63}$", var.name))
    error_message = "MSK takes names of at most 64 letters, digits and -, beginning with a letter or digit."
  }
}

variable "existing" {
  description = "A Kafka that exists: its brokers (name them where there are more than three: a look-up names another three each time), how to authenticate, and the ARN where it is MSK (needed for event source mappings; with it alone the brokers are looked up). Null makes a cluster."
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
  description = "Make the topics in an existing MSK cluster too (provisioned, Kafka 3.6 or later). Topics of a cluster that is made here always are."
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
  description = "Size of the cluster that is made. Brokers are a multiple of the subnets, and null is one in each; with three, one may fail without loss or stop; with two, records have two replicas, and one that is acknowledged while a broker is down is on one disk only. MSK adds brokers but never zones, and a cluster keeps the replication factor that it was made with. A broker of kafka.t3.small takes 4 new connections with IAM a second, one of kafka.m5 or kafka.m7g 100: a burst of cold starts waits on the small ones. volume_gb is the size at the start; volumes grow up to maximum_volume_gb by themselves and never shrink (the same size for both turns that off; a volume then grows by `aws kafka update-broker-storage`). monitoring is the level of MSK's metrics: DEFAULT is free and has what the alarms need, the others are paid for by broker, topic and partition. A kafka_version with .kraft keeps its metadata in Kafka, one without it in ZooKeeper; null is 3.9.x.kraft for a new cluster (3.9.x with kafka.t3.small, which MSK does not take with KRaft), and no change for one that exists. A later version is an upgrade in place; there is no way back."
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
  description = "Security groups of the brokers, and so of Lambda's pollers; unused with an existing Kafka."
  type        = list(string)
  default     = []
}

variable "alarms" {
  description = "Alarms of a cluster that is made here, and the SNS topics that they notify; null for none."
  type = object({
    topic_arns   = optional(list(string), [])
    disk_percent = optional(number, 85)
    cpu_percent  = optional(number, 60)
  })
  default = null
}

variable "kms_key_arn" {
  description = "Key of the brokers' log; null for AWS's own. `cluster.kms_key_arn` is that of the brokers' volumes."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "Days that the brokers' log is kept."
  type        = number
  default     = 14
}
