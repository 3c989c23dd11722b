//! Terraform's outputs. Both environments, local and AWS, have outputs of the same names.

use std::collections::BTreeMap;

use event_source::{Mapping, QueueMapping};
use serde::{Deserialize, Serialize};

/// The outputs of environments/local and environments/aws that verbs use. Outputs that only one of the two has are
/// optional. Other outputs are ignored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Outputs {
    /// Which function reads which topic, and by which consumer group.
    pub(crate) event_source_mappings: Vec<Mapping>,
    /// Topics of all pipelines.
    pub(crate) topics: Vec<TopicOutput>,
    /// Root of the Delta tables: `s3://BUCKET/PREFIX`, without a slash at the end.
    pub(crate) lake_root: String,
    /// Root of the parked records, in the same form.
    pub(crate) parked_root: String,
    /// Folder of the function → its name in the environment.
    pub(crate) functions: BTreeMap<String, String>,
    /// The SQS queues that feed functions, with their dead-letter queues.
    #[serde(default)]
    pub(crate) queues: Vec<QueueOutput>,
    /// The SQS event source mappings that the local bridge serves. Empty in AWS, where Lambda serves them.
    #[serde(default)]
    pub(crate) queue_mappings: Vec<QueueMapping>,
    /// Name of the bucket of media files. Null if the stack has none.
    #[serde(default)]
    pub(crate) media_bucket: Option<String>,
    /// Name of the bucket of the inbox. Null if the stack has none.
    #[serde(default)]
    pub(crate) inbox_bucket: Option<String>,
    /// The weather lane. Absent if the stack does not have it.
    #[serde(default)]
    pub(crate) forecast: Option<ForecastOutput>,
    /// Folder of the function → its HTTP address. Only functions with a function URL have one.
    #[serde(default)]
    pub(crate) urls: BTreeMap<String, String>,
    /// Folder of the function → the version that its alias `live` points at. Null where functions have no versions.
    #[serde(default)]
    pub(crate) live_versions: BTreeMap<String, Option<String>>,
    /// Folder of the function → topic → id (UUID) of the event source mapping.
    #[serde(default)]
    pub(crate) mapping_ids: BTreeMap<String, BTreeMap<String, String>>,
    /// The pipeline files as one JSON array. Not used for the local stack, where verbs read the folder.
    #[serde(default)]
    pub(crate) pipelines: Option<String>,
    /// AWS region. If it is absent, the shell's region is used.
    #[serde(default)]
    pub(crate) region: Option<String>,
    /// Kafka brokers: `host:port`, comma-separated. Null if they are looked up by the cluster's ARN.
    #[serde(default)]
    pub(crate) kafka_bootstrap_servers: Option<String>,
    /// Authentication at Kafka, as in the functions' variable `KAFKA_AUTH`.
    #[serde(default)]
    pub(crate) kafka_auth: Option<String>,
    /// ARN of the MSK cluster, by which the brokers can be looked up.
    #[serde(default)]
    pub(crate) kafka_cluster_arn: Option<String>,
    /// The database with a user who may only read.
    #[serde(default)]
    pub(crate) database_reader: Option<DatabaseOutput>,
    /// ARN of the secret that holds the token of the vehicles. Null if the gateway authenticates by IAM.
    #[serde(default)]
    pub(crate) telemetry_token_secret: Option<String>,
    /// The operators' host, from which Kafka and Postgres can be reached.
    #[serde(default)]
    pub(crate) host: Option<HostOutput>,
}

/// A database and the way to log in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DatabaseOutput {
    /// `postgres://…`. In AWS it has no password.
    pub(crate) url: String,
    /// `url` (the password is in the URL), `iam` (a token for the shell's credentials), or `secret:` and a secret's
    /// ARN.
    pub(crate) auth: String,
}

/// The operators' host: an EC2 instance in the private network.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HostOutput {
    /// Shell command that opens a login shell on the host.
    pub(crate) connect: String,
}

/// The weather lane.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ForecastOutput {
    /// ARN of the state machine that fetches the forecasts and loads them.
    pub(crate) state_machine_arn: String,
    /// ARN of the activity whose worker runs Spark. Only the local stack has one; in AWS, EMR Serverless runs Spark.
    #[serde(default)]
    pub(crate) activity_arn: Option<String>,
    /// Bucket of the raw answers of the weather API.
    pub(crate) raw_bucket: String,
    /// Prefix of the raw answers in that bucket. It ends with a slash.
    pub(crate) raw_prefix: String,
    /// Path of the Delta table below `lake_root`.
    pub(crate) table: String,
}

/// One SQS queue that feeds a function.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct QueueOutput {
    /// Deployed name of the function.
    pub(crate) function_name: String,
    /// Name of the queue.
    pub(crate) name: String,
    /// URL of the queue.
    pub(crate) url: String,
    /// URL of its dead-letter queue.
    pub(crate) dead_letter_url: String,
}

/// One topic.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TopicOutput {
    /// Name in Kafka.
    pub(crate) name: String,
    /// Number of partitions that the pipeline file demands.
    pub(crate) partitions: i32,
    /// Kafka deletes records that are older than this.
    pub(crate) retention_hours: i64,
}
