//! The content of a pipeline file as types. The field names are the keys of the YAML.

use serde::{Deserialize, Serialize};

use crate::field::Field;

/// One topic: its records and the sinks that store them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// The Kafka topic that the records come from.
    pub topic: TopicSection,
    /// The field with the time of the event, by dotted path. It must be a `timestamp` that is not nullable. Required if
    /// `lake.partition_by` has a pattern, or if `table.retention_days` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_time: Option<String>,
    /// The fields of a record, in the order of the table's columns.
    pub fields: Vec<Field>,
    /// Stores every record in a Delta table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lake: Option<LakeSection>,
    /// Keeps a running total per key in a Postgres table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<TotalsSection>,
    /// Stores every record, or the first or newest record per key, as a row of a Postgres table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<TableSection>,
    /// How Lambda forms batches. The same for all functions of the topic.
    #[serde(default)]
    pub batching: Batching,
}

impl Pipeline {
    /// Returns a fingerprint of the fields: 16 hexadecimal digits. It is stored with each parked record. A record that
    /// was parked under another fingerprint may be valid now.
    #[must_use]
    pub fn schema_fingerprint(&self) -> String {
        // FNV-1a gives the same hash in every version of Rust. It is not safe against deliberate collisions,
        // but they would have no effect.
        let fields = serde_json::to_string(&self.fields).unwrap_or_default();
        let hash = fields.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }
}

/// The Kafka topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicSection {
    /// The topic's name.
    pub name: String,
    /// The number of partitions with which the topic is created.
    pub partitions: u32,
    /// How long Kafka keeps a record, in hours. The default is a week.
    #[serde(default = "a_week")]
    pub retention_hours: u32,
}

/// The default of `topic.retention_hours`.
fn a_week() -> u32 {
    168
}

/// The topic's Delta table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LakeSection {
    /// The Kafka consumer group of the lane.
    pub consumer_group: String,
    /// The table's folder, relative to the lake's root.
    pub path: String,
    /// The table's partition columns, outermost first. Empty: the table is not partitioned.
    #[serde(default)]
    pub partition_by: Vec<PartitionColumn>,
    /// How lake-keeper maintains the table.
    #[serde(default, skip_serializing_if = "UpkeepSection::is_default")]
    pub upkeep: UpkeepSection,
}

/// How lake-keeper maintains a Delta table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpkeepSection {
    /// Whether lake-keeper maintains the table. Set it to `false` if another engine does: two at once conflict.
    pub enabled: bool,
    /// The number of commits after which lake-keeper writes a checkpoint.
    pub checkpoint_commits: u32,
    /// The target size of compacted files, in bytes. Smaller files are merged until they are about this large.
    pub target_file_bytes: u64,
    /// The minimum number of small files in a partition. A partition with fewer is not compacted.
    pub min_files: u32,
    /// How many hours a removed data file stays in storage, for readers of older table versions.
    pub retention_hours: u32,
    /// How many hours old log files stay, for time travel.
    pub log_retention_hours: u32,
}

impl Default for UpkeepSection {
    fn default() -> Self {
        Self {
            enabled: true,
            checkpoint_commits: 100,
            target_file_bytes: 128 << 20,
            min_files: 8,
            retention_hours: 168,
            log_retention_hours: 168,
        }
    }
}

impl UpkeepSection {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A partition column of a Delta table. Its type is always string.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionColumn {
    /// The column's name.
    pub name: String,
    /// A `strftime` pattern for the event time in UTC if it contains a `%`; otherwise a constant.
    pub value: String,
}

/// A running total per key in Postgres.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TotalsSection {
    /// The Kafka consumer group of the lane.
    pub consumer_group: String,
    /// The Postgres table, `name` or `schema.name`. The migrator creates it if it does not exist.
    pub table: String,
    /// The fields of the key, by dotted path. At least one.
    pub key: Vec<String>,
    /// The field that is summed, by dotted path: int32, int64 or decimal.
    pub sum: String,
    /// The column that holds the sum. The default is `total`.
    #[serde(default = "total")]
    pub total_column: String,
}

/// The default of `totals.total_column`.
fn total() -> String {
    "total".into()
}

/// A Postgres table with one row per record, or one row per key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSection {
    /// The Kafka consumer group of the lane.
    pub consumer_group: String,
    /// The Postgres table, `name` or `schema.name`. The migrator creates it if it does not exist.
    pub name: String,
    /// The fields of the key, by dotted path. If empty, every record becomes a row.
    #[serde(default)]
    pub key: Vec<String>,
    /// What happens to a record whose key already has a row.
    #[serde(default)]
    pub on_repeat: OnRepeat,
    /// An optional column with running numbers, for readers that expect an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_column: Option<String>,
    /// Further indexes. Each one is a list of fields, by dotted path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<Vec<String>>,
    /// How many days a row is kept. If set, the table is partitioned by the day of the event time in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
}

/// What happens to a record whose key already has a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnRepeat {
    /// The row stays. An event that was sent twice is stored once.
    #[default]
    KeepFirst,
    /// The newest record replaces the row. Newest means: by event time if the pipeline has one, then by Kafka's
    /// timestamp, partition and offset.
    ReplaceByNewest,
}

/// How an event source mapping forms and retries batches. Limits and defaults are those of AWS unless a field says
/// otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Batching {
    /// The maximum number of records in a batch, 1 to 10,000. Headwater's default is 10,000, because files in the lake
    /// should be large.
    pub batch_size: u32,
    /// How many seconds a batch may wait to fill, 0 to 300. Headwater's default is 1; Terraform sets other defaults in
    /// AWS (`batch_windows`).
    pub window_seconds: u32,
    /// Where a new consumer group starts. `LATEST` is not offered: it skips the records that arrive while the mapping
    /// is created.
    pub starting_position: StartingPosition,
    /// Provisioned pollers. Lambda offers retry limits, bisecting and partial batch responses only with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioned: Option<Provisioned>,
    /// Whether a batch that Lambda gives up goes to the failure destination on S3.
    pub on_failure: bool,
}

impl Default for Batching {
    fn default() -> Self {
        Self {
            batch_size: 10_000,
            window_seconds: 1,
            starting_position: StartingPosition::TrimHorizon,
            provisioned: None,
            on_failure: false,
        }
    }
}

/// Where a new consumer group starts to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StartingPosition {
    /// At the oldest record that Kafka still has.
    TrimHorizon,
}

/// The provisioned pollers of an event source mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Provisioned {
    /// The minimum number of pollers, 1 to 200.
    pub minimum_pollers: u32,
    /// The maximum number of pollers, up to 2,000.
    pub maximum_pollers: u32,
    /// Whether the function may report single records for redelivery (a partial batch response).
    pub report_batch_item_failures: bool,
    /// Whether Lambda splits a failed batch in two before the retry.
    pub bisect: bool,
    /// The number of retries after the first attempt. −1: retry as long as Kafka keeps the record.
    pub maximum_retries: i32,
    /// The age in seconds after which Lambda gives up a record, 60 to 604,800. −1: never.
    pub maximum_record_age_seconds: i32,
}

impl Default for Provisioned {
    fn default() -> Self {
        Self {
            minimum_pollers: 1,
            maximum_pollers: 2,
            report_batch_item_failures: true,
            bisect: false,
            maximum_retries: -1,
            maximum_record_age_seconds: -1,
        }
    }
}
