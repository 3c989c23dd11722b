//! The shape of a pipeline file.

use serde::{Deserialize, Serialize};

use crate::field::Field;

/// One topic: its records, and where they go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// The topic itself.
    pub topic: TopicSection,
    /// The field that says when the event happened: a `timestamp`, by dotted path. Needed by `lake.partition_by`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_time: Option<String>,
    /// The fields of a record, in the order of the table's columns.
    pub fields: Vec<Field>,
    /// Store every record in a Delta table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lake: Option<LakeSection>,
    /// Keep a running total per key in Postgres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<TotalsSection>,
    /// Store every record as a row of a Postgres table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<TableSection>,
    /// How Lambda cuts batches; the same for each of the topic's functions.
    #[serde(default)]
    pub batching: Batching,
}

impl Pipeline {
    /// A fingerprint of the fields: records parked under another one may be valid now.
    #[must_use]
    pub fn schema_fingerprint(&self) -> String {
        // FNV-1a: stable across versions of Rust, and this guards against accidents only.
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
    /// Its name.
    pub name: String,
    /// How many partitions it is created with.
    pub partitions: u32,
    /// How long Kafka keeps a record, in hours.
    #[serde(default = "a_week")]
    pub retention_hours: u32,
}

fn a_week() -> u32 {
    168
}

/// The topic's Delta table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LakeSection {
    /// The Kafka consumer group.
    pub consumer_group: String,
    /// The table's folder below the lake's root.
    pub path: String,
    /// The table's partition columns, outermost first.
    #[serde(default)]
    pub partition_by: Vec<PartitionColumn>,
    /// How lake-keeper looks after the table.
    #[serde(default, skip_serializing_if = "UpkeepSection::is_default")]
    pub upkeep: UpkeepSection,
}

/// How lake-keeper looks after a Delta table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpkeepSection {
    /// Whether it does so at all. Another engine may look after the table instead, but never two at once.
    pub enabled: bool,
    /// A checkpoint is written after so many commits.
    pub checkpoint_commits: u32,
    /// Small files are joined to files of about this many bytes.
    pub target_file_bytes: u64,
    /// A partition with fewer small files than this is left alone.
    pub min_files: u32,
    /// How many hours a file stays that is no longer part of the table: for readers of older versions.
    pub retention_hours: u32,
    /// How many hours of the table's history stay in its log.
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

/// A partition column of a Delta table; all are strings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionColumn {
    /// The column's name.
    pub name: String,
    /// `strftime` of the event time in UTC where it holds a `%`, otherwise a constant.
    pub value: String,
}

/// A running total per key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TotalsSection {
    /// The Kafka consumer group.
    pub consumer_group: String,
    /// The Postgres table, `name` or `schema.name`; created when it does not exist.
    pub table: String,
    /// The fields that make the key, by dotted path.
    pub key: Vec<String>,
    /// The field that is summed, by dotted path: an integer or a decimal.
    pub sum: String,
    /// The column that holds the sum.
    #[serde(default = "total")]
    pub total_column: String,
}

fn total() -> String {
    "total".into()
}

/// A table with a row per record, or per key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSection {
    /// The Kafka consumer group.
    pub consumer_group: String,
    /// The Postgres table, `name` or `schema.name`; created when it does not exist.
    pub name: String,
    /// The fields that make the key, by dotted path; without any, every record is a row.
    #[serde(default)]
    pub key: Vec<String>,
    /// What becomes of a record whose key has a row already.
    #[serde(default)]
    pub on_repeat: OnRepeat,
    /// A column of running numbers, for readers that expect one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_column: Option<String>,
    /// Further indexes: lists of fields, by dotted path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<Vec<String>>,
    /// How many days a row is kept. With it the table is partitioned by the day of the event time, in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
}

/// What becomes of a record whose key has a row already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnRepeat {
    /// The row stays as it is: an event that is sent twice is stored once.
    #[default]
    KeepFirst,
    /// The row becomes that of the newest record: by event time where there is one, then by Kafka's timestamp, partition
    /// and offset.
    ReplaceByNewest,
}

/// How an event source mapping cuts and retries batches. Bounds and defaults are AWS's unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Batching {
    /// Records in a batch at the most, 1 to 10,000. Ours is 10,000: files in the lake should be large.
    pub batch_size: u32,
    /// How long a batch may wait to fill, 0 to 300 s. Ours is 1 s; in AWS Terraform has other defaults (`batch_windows`).
    pub window_seconds: u32,
    /// Where a new consumer group begins. `LATEST` is not offered: it skips what arrives while a mapping is created.
    pub starting_position: StartingPosition,
    /// Provisioned pollers, which alone give retry limits, bisecting and partial batch responses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioned: Option<Provisioned>,
    /// Whether batches that were given up go to the failure destination on S3.
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

/// Where a new consumer group begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StartingPosition {
    /// At the oldest record kept.
    TrimHorizon,
}

/// Provisioned pollers of a mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Provisioned {
    /// Pollers kept at the least.
    pub minimum_pollers: u32,
    /// Pollers at the most.
    pub maximum_pollers: u32,
    /// Whether the function may name the records that must come again.
    pub report_batch_item_failures: bool,
    /// Whether a failed batch is cut in two before it is tried again.
    pub bisect: bool,
    /// Tries after the first; −1 for as long as Kafka keeps the record.
    pub maximum_retries: i32,
    /// Age in seconds at which a record is given up; −1 for never.
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
