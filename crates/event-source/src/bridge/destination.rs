//! Given-up records on S3, with everything that is needed to deliver them again.

use aws_config::SdkConfig;
use aws_sdk_s3::error::DisplayErrorContext;
use serde_json::value::RawValue;

use super::clock::epoch_ms;
use crate::{Batch, GiveUpReason, GivenUp, Mapping, Record};

#[derive(Debug)]
pub(super) struct FailureDestination {
    s3: aws_sdk_s3::Client,
    bucket: String,
    prefix: String,
    function_name: String,
    topic: String,
}

/// The invocation record that Lambda writes to an S3 destination.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct InvocationRecord<'a> {
    request_context: RequestContext<'a>,
    version: &'static str,
    timestamp: String,
    #[serde(rename = "KafkaBatchInfo")]
    batch: BatchInfo,
    payload: &'a RawValue,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    function_arn: &'a str,
    condition: &'static str,
    approximate_invoke_count: u32,
    /// The function's last error; ours, AWS has no such field.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'a str>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchInfo {
    batch_size: usize,
    payload_size: usize,
    topic: String,
    partition: i32,
    first_offset: i64,
    last_offset: i64,
}

impl FailureDestination {
    pub(super) fn of(sdk: &SdkConfig, mapping: &Mapping) -> Option<Self> {
        let (bucket, prefix) = mapping.failure_destination()?;
        let config = aws_sdk_s3::config::Builder::from(sdk)
            .force_path_style(function_kit::aws::s3_path_style(sdk))
            .build();
        Some(Self {
            s3: aws_sdk_s3::Client::from_conf(config),
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            function_name: mapping.function_name.clone(),
            topic: mapping.topic.clone(),
        })
    }

    /// One object per partition, named by its position: giving up the same records again after a crash overwrites
    /// what the first time wrote, and never something else.
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
            self.s3
                .put_object()
                .bucket(&self.bucket)
                .key(&key)
                .content_type("application/json")
                .body(body.into())
                .send()
                .await
                .map_err(|error| format!("s3://{}/{key}: {}", self.bucket, DisplayErrorContext(&error)))?;
            tracing::error!(topic = %self.topic, partition, records = batch.records.len(), key,
                reason = ?given_up.reason, "records given up and kept at the failure destination");
        }
        Ok(())
    }

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
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        // The number of records tells a cut with gaps from a whole one with the same ends.
        let key = format!(
            "{}{slash}{}/{partition}/{first_offset:020}-{last_offset:020}-{}.json",
            self.prefix,
            self.topic,
            batch.records.len()
        );
        serde_json::to_vec(&record).map(|body| (key, body)).map_err(|error| error.to_string())
    }
}
