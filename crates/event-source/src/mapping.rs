//! The settings of a Kafka mapping.

use s3::S3Location;
use serde::{Deserialize, Serialize};

/// A Kafka event source mapping: one element of the Terraform output `event_source_mappings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// The function's name or ARN.
    pub function_name: String,
    /// The topic to read.
    pub topic: String,
    /// The consumer group. Its committed offsets are the mapping's position.
    pub consumer_group: String,
    /// Where reading starts in a partition for which the group has no commit.
    pub starting_position: StartingPosition,
    /// The time (RFC 3339) for [`StartingPosition::AtTimestamp`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starting_position_timestamp: Option<String>,
    /// The largest number of records in a batch (1 to 10,000).
    pub batch_size: u32,
    /// How long a batch waits for more records after its first record arrived, in seconds (0 to 300).
    pub window_seconds: u32,
    /// Whether the function's answer can name the records to be retried (`ReportBatchItemFailures`).
    pub partial_batch_response: bool,
    /// Whether a failed batch is split into two halves before it is retried.
    pub bisect: bool,
    /// The number of retries before a batch is given up; -1 for no limit.
    pub maximum_retries: i32,
    /// Records older than this are given up instead of delivered; -1 for no limit.
    pub maximum_record_age_seconds: i64,
    /// The failure destination for given-up batches, `s3://bucket/prefix`. Without it they are dropped, and an error is
    /// logged.
    pub on_failure: Option<String>,
}

/// Where reading starts in a partition without a committed offset.
///
/// `LATEST` is not supported on purpose: creating a mapping takes minutes, and records that arrive meanwhile would be
/// lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StartingPosition {
    /// The oldest record in the partition.
    TrimHorizon,
    /// The first record at or after [`Mapping::starting_position_timestamp`].
    AtTimestamp,
}

/// The mapping has settings that AWS would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("mapping {from} → {function_name}: {}", problems.join("; "))]
pub struct InvalidMapping {
    /// The mapping's function.
    pub(crate) function_name: String,
    /// The topic's or queue's name.
    pub(crate) from: String,
    /// All problems that were found.
    pub problems: Vec<String>,
}

impl Mapping {
    /// Checks the limits that AWS sets for each setting.
    ///
    /// Fails with an [`InvalidMapping`] that lists all problems.
    pub fn validate(&self) -> Result<(), InvalidMapping> {
        let mut problems = Vec::new();
        for (name, value) in [
            ("function_name", &self.function_name),
            ("topic", &self.topic),
            ("consumer_group", &self.consumer_group),
        ] {
            if value.is_empty() {
                problems.push(format!("{name} is empty"));
            }
        }
        if !(1..=10_000).contains(&self.batch_size) {
            problems.push(format!("batch_size is {}, must be 1 to 10000", self.batch_size));
        }
        if self.window_seconds > 300 {
            problems.push(format!("window_seconds is {}, must be 0 to 300", self.window_seconds));
        }
        if !(-1..=10_000).contains(&self.maximum_retries) {
            problems.push(format!("maximum_retries is {}, must be -1 to 10000", self.maximum_retries));
        }
        if self.maximum_record_age_seconds != -1 && !(60..=604_800).contains(&self.maximum_record_age_seconds)
        {
            problems.push(format!(
                "maximum_record_age_seconds is {}, must be -1 or 60 to 604800",
                self.maximum_record_age_seconds
            ));
        }
        if self.on_failure.is_some() && self.failure_destination().is_none() {
            problems.push("on_failure must be s3://bucket/prefix".to_owned());
        }
        match (self.starting_position, self.start_at_ms()) {
            (StartingPosition::AtTimestamp, None) => problems.push(
                "AT_TIMESTAMP needs starting_position_timestamp, for example 2026-11-21T00:00:00Z".into(),
            ),
            (StartingPosition::TrimHorizon, _) if self.starting_position_timestamp.is_some() => {
                problems.push("starting_position_timestamp can only be set with AT_TIMESTAMP".into());
            }
            _ => {}
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(InvalidMapping { function_name: self.function_name.clone(), from: self.topic.clone(), problems })
    }

    /// The starting time in milliseconds since the Unix epoch; `None` for other starting positions.
    #[must_use]
    pub fn start_at_ms(&self) -> Option<i64> {
        if self.starting_position != StartingPosition::AtTimestamp {
            return None;
        }
        let text = self.starting_position_timestamp.as_deref()?;
        chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis())
    }

    /// The parsed failure destination; `None` if there is none or it is not an S3 address.
    #[must_use]
    pub fn failure_destination(&self) -> Option<S3Location> {
        self.on_failure.as_deref()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping() -> serde_json::Value {
        serde_json::json!({
            "function_name": "parquet-writer", "topic": "rooms-v1", "consumer_group": "coldstorage",
            "starting_position": "TRIM_HORIZON", "batch_size": 10000, "window_seconds": 1,
            "partial_batch_response": false, "bisect": false, "maximum_retries": -1,
            "maximum_record_age_seconds": -1, "on_failure": null
        })
    }

    #[test]
    fn the_terraform_output_is_read_and_written_back_as_it_is() {
        let read: Mapping = serde_json::from_value(mapping()).unwrap();
        assert_eq!(read.validate(), Ok(()));
        assert_eq!(serde_json::to_value(&read).unwrap(), mapping());
    }

    #[test]
    fn a_missing_setting_is_an_error_and_so_is_latest() {
        let mut json = mapping();
        json.as_object_mut().unwrap().remove("consumer_group");
        assert!(serde_json::from_value::<Mapping>(json).unwrap_err().to_string().contains("consumer_group"));
        let mut json = mapping();
        json["starting_position"] = "LATEST".into();
        assert!(serde_json::from_value::<Mapping>(json).is_err());
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let mut json = mapping();
        json["batch_size"] = 10_001.into();
        json["window_seconds"] = 301.into();
        json["on_failure"] = "bucket/prefix".into();
        json["starting_position"] = "AT_TIMESTAMP".into();
        let error = serde_json::from_value::<Mapping>(json).unwrap().validate().unwrap_err();
        assert_eq!(error.problems.len(), 4, "{error}");
    }

    #[test]
    fn a_failure_destination_is_a_bucket_and_a_prefix() {
        let mut json = mapping();
        json["on_failure"] = "s3://parked/failed/parquet-writer/".into();
        let read: Mapping = serde_json::from_value(json).unwrap();
        assert_eq!(read.failure_destination().unwrap().to_string(), "s3://parked/failed/parquet-writer");
    }
}
