//! What Terraform made, as its outputs say: the same in both environments.

use std::collections::BTreeMap;

use event_source::{Mapping, QueueMapping};
use serde::{Deserialize, Serialize};

/// The outputs of environments/local and environments/aws, as far as a verb needs them. What only one of the two has is optional.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Outputs {
    pub(crate) event_source_mappings: Vec<Mapping>,
    pub(crate) topics: Vec<TopicOutput>,
    pub(crate) lake_root: String,
    pub(crate) parked_root: String,
    /// Folder of the function → its name in the environment.
    pub(crate) functions: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) queues: Vec<QueueOutput>,
    /// The SQS event source mappings that the local bridge serves.
    #[serde(default)]
    pub(crate) queue_mappings: Vec<QueueMapping>,
    #[serde(default)]
    pub(crate) media_bucket: Option<String>,
    #[serde(default)]
    pub(crate) inbox_bucket: Option<String>,
    #[serde(default)]
    pub(crate) forecast: Option<ForecastOutput>,
    /// Folder of the function → where it answers HTTP.
    #[serde(default)]
    pub(crate) urls: BTreeMap<String, String>,
    /// The version that the alias `live` of each function points at, by the function's folder. Null where functions have no versions.
    #[serde(default)]
    pub(crate) live_versions: BTreeMap<String, Option<String>>,
    /// The id of each event source mapping, by the function's folder and the topic.
    #[serde(default)]
    pub(crate) mapping_ids: BTreeMap<String, BTreeMap<String, String>>,
    /// The pipeline files as one JSON array.
    #[serde(default)]
    pub(crate) pipelines: Option<String>,
    #[serde(default)]
    pub(crate) region: Option<String>,
    /// `host:port`, comma-separated; null where they are looked up by the cluster's ARN.
    #[serde(default)]
    pub(crate) kafka_bootstrap_servers: Option<String>,
    #[serde(default)]
    pub(crate) kafka_auth: Option<String>,
    #[serde(default)]
    pub(crate) kafka_cluster_arn: Option<String>,
    /// The database as a user who only reads.
    #[serde(default)]
    pub(crate) database_reader: Option<DatabaseOutput>,
    /// The secret with the token that vehicles show.
    #[serde(default)]
    pub(crate) telemetry_token_secret: Option<String>,
    /// The host of the operators, which reaches Kafka and Postgres.
    #[serde(default)]
    pub(crate) host: Option<HostOutput>,
}

/// A database, and how to log in: `url`, `iam`, or `secret:` and the secret's ARN.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DatabaseOutput {
    pub(crate) url: String,
    pub(crate) auth: String,
}

/// The host of the operators.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HostOutput {
    /// The command that opens a login shell on it.
    pub(crate) connect: String,
}

/// The weather lane.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ForecastOutput {
    pub(crate) state_machine_arn: String,
    /// The activity that runs Spark on the local stack.
    #[serde(default)]
    pub(crate) activity_arn: Option<String>,
    pub(crate) raw_bucket: String,
    /// Where the raw answers lie in that bucket; ends with a slash.
    pub(crate) raw_prefix: String,
    /// The Delta table, below the lake's root.
    pub(crate) table: String,
}

/// One queue that feeds a function.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct QueueOutput {
    pub(crate) function_name: String,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) dead_letter_url: String,
}

/// One topic.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TopicOutput {
    pub(crate) name: String,
    pub(crate) partitions: i32,
    pub(crate) retention_hours: i64,
}
