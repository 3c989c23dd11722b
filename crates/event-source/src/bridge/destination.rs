//! Writes given-up records to S3, with all data that is needed to deliver them again.

use aws_config::SdkConfig;
use s3::{ObjectStore, StoreError};
use serde_json::value::RawValue;
use tokio::time::{Duration, Instant};

use super::clock::epoch_ms;
use crate::{Batch, GiveUpReason, GivenUp, Mapping, Record};

/// The longest time to write one object. If it fails, the poller gives the batch up again later.
const PATIENCE: Duration = Duration::from_secs(30);

/// The S3 location of a mapping's `on_failure`.
#[derive(Debug)]
pub(super) struct FailureDestination {
    /// The bucket and the prefix of `on_failure`.
    store: ObjectStore,
    function_name: String,
    topic: String,
}

/// The invocation record in the format that Lambda writes to an S3 destination.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct InvocationRecord<'a> {
    /// Why the batch was given up.
    request_context: RequestContext<'a>,
    /// The version of the format, `1.0`.
    version: &'static str,
    /// When the batch was given up, in RFC 3339.
    timestamp: String,
    /// Which records the batch has.
    #[serde(rename = "KafkaBatchInfo")]
    batch: BatchInfo,
    /// The event that the function would have got. `headwater parked redrive` sends it again.
    payload: &'a RawValue,
}

/// The part of the record about the invocation.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    /// The name or ARN of the function, as in the mapping.
    function_arn: &'a str,
    /// The name that AWS gives the reason.
    condition: &'static str,
    /// The number of deliveries.
    approximate_invoke_count: u32,
    /// The function's last error. AWS does not have this field.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'a str>,
}

/// The part of the record about the Kafka batch. An object has records of one partition only.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchInfo {
    batch_size: usize,
    /// The size of the event in bytes.
    payload_size: usize,
    topic: String,
    partition: i32,
    first_offset: i64,
    last_offset: i64,
}

impl FailureDestination {
    /// Returns `None` if the mapping has no failure destination.
    pub(super) fn of(sdk: &SdkConfig, mapping: &Mapping) -> Option<Self> {
        Some(Self {
            store: ObjectStore::new(s3::client(sdk), mapping.failure_destination()?),
            function_name: mapping.function_name.clone(),
            topic: mapping.topic.clone(),
        })
    }

    /// Writes one object per partition. The key consists of topic, partition, first and last offset and number of
    /// records. So if the same records are given up again after a crash, they overwrite only their own object.
    ///
    /// `event` builds the event of a batch. An error is a text; objects that were written before stay.
    pub(super) async fn write(
        &self,
        given_up: &GivenUp,
        event: impl Fn(&Batch) -> Vec<u8>,
    ) -> Result<(), String> {
        let mut partitions: std::collections::BTreeMap<i32, Vec<Record>> = std::collections::BTreeMap::new();
        for record in &given_up.batch.records {
            partitions.entry(record.partition).or_default().push(record.clone());
        }
        for (partition, records) in partitions {
            let batch = Batch { records, attempt: given_up.batch.attempt };
            let (key, body) = self.object(partition, &batch, &given_up.reason, event(&batch))?;
            let written = self.store.put(&key, body.into(), Instant::now() + PATIENCE).await;
            written.map_err(|error: StoreError| error.to_string())?;
            tracing::error!(topic = %self.topic, partition, records = batch.records.len(), key,
                reason = ?given_up.reason, "records given up and kept at the failure destination");
        }
        Ok(())
    }

    /// The key and the content of one partition's object.
    fn object(
        &self,
        partition: i32,
        batch: &Batch,
        reason: &GiveUpReason,
        event: Vec<u8>,
    ) -> Result<(String, Vec<u8>), String> {
        let first_offset = batch.records.first().map_or(0, |record| record.offset);
        let last_offset = batch.records.last().map_or(0, |record| record.offset);
        let payload_size = event.len();
        let event = String::from_utf8(event).map_err(|error| error.to_string())?;
        let payload = RawValue::from_string(event).map_err(|error| error.to_string())?;
        let (condition, last_error) = match reason {
            GiveUpReason::RetriesExhausted(error) => ("RetryAttemptsExhausted", Some(error.as_str())),
            GiveUpReason::TooOld => ("RecordAgeExceeded", None),
            GiveUpReason::TooLarge => ("PayloadLimitExceeded", None),
        };
        let record = InvocationRecord {
            request_context: RequestContext {
                function_arn: &self.function_name,
                condition,
                approximate_invoke_count: batch.attempt,
                last_error,
            },
            version: "1.0",
            timestamp: chrono::DateTime::from_timestamp_millis(epoch_ms()).unwrap_or_default().to_rfc3339(),
            batch: BatchInfo {
                batch_size: batch.records.len(),
                payload_size,
                topic: self.topic.clone(),
                partition,
                first_offset,
                last_offset,
            },
            payload: &payload,
        };
        // The number of records distinguishes a batch with gaps from a complete batch with the same first and last
        // offset.
        let key = format!(
            "{}/{partition}/{first_offset:020}-{last_offset:020}-{}.json",
            self.topic,
            batch.records.len()
        );
        serde_json::to_vec(&record).map(|body| (key, body)).map_err(|error| error.to_string())
    }
}
