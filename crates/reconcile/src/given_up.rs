//! Batches that Lambda gave up. The failure destination holds each of them completely.

use std::collections::BTreeMap;

use pipeline::Sink;
use positions::OffsetRanges;
use s3::ObjectStore;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Duration, Instant};

use crate::{ReconcileError, Sources};

/// The folders of the failure destination, in the bucket of the parked records: that of the local bridge, and that of
/// Lambda.
const FOLDERS: [&str; 2] = ["failed/", "aws/lambda/"];

/// The time limit for reading all batches.
const PATIENCE: Duration = Duration::from_mins(2);

/// One batch at the failure destination.
#[derive(Debug)]
pub struct GivenUp {
    /// The object's path in the bucket of the parked records.
    pub path: String,
    /// The function that failed on the batch, by the name of its folder.
    pub function: String,
    /// The event of the failed invocation, as JSON.
    pub event: Vec<u8>,
}

/// The parts of Lambda's invocation record that are used here. Lambda writes it to a failure destination on S3.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InvocationRecord {
    request_context: RequestContext,
    /// The event of the failed invocation.
    payload: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    /// The function's ARN, or only its name.
    function_arn: String,
}

/// The parts of an event that say which records it holds.
#[derive(Deserialize)]
struct Event {
    records: BTreeMap<String, Vec<RecordPosition>>,
}

#[derive(Deserialize)]
struct RecordPosition {
    topic: String,
    partition: i32,
    offset: i64,
}

impl GivenUp {
    /// Parses an invocation record. Accepts the form of AWS and that of the local bridge.
    fn parse(path: &str, body: &[u8]) -> serde_json::Result<Self> {
        let record: InvocationRecord = serde_json::from_slice(body)?;
        // AWS writes the event as a string within the JSON. The local bridge writes it as a JSON object.
        let event = serde_json::from_str::<String>(record.payload.get())
            .unwrap_or_else(|_| record.payload.get().to_owned())
            .into_bytes();
        let arn = record.request_context.function_arn;
        // The ARN is `arn:aws:lambda:region:account:function:name[:version]`. Some records have only the name.
        let function = folder_of(arn.split(':').nth(6).unwrap_or(&arn)).to_owned();
        Ok(Self { path: path.to_owned(), function, event })
    }
}

/// Returns the folder of a function from its deployed name, which has the deployment's name as a prefix.
fn folder_of(name: &str) -> &str {
    let is_of =
        |folder: &&str| name.strip_suffix(*folder).is_some_and(|rest| rest.is_empty() || rest.ends_with('-'));
    Sink::ALL.map(Sink::function).into_iter().find(is_of).unwrap_or(name)
}

/// The bucket that holds the given-up batches.
#[must_use]
pub fn shelf(sources: &Sources) -> ObjectStore {
    ObjectStore::new(sources.objects.clone(), sources.parked_root.root())
}

/// Reads all batches, or only those of `function`.
///
/// # Errors
/// [`ReconcileError::GivenUp`] if an object is not an invocation record.
pub async fn all(sources: &Sources, function: Option<&str>) -> Result<Vec<GivenUp>, ReconcileError> {
    let (shelf, deadline) = (shelf(sources), Instant::now() + PATIENCE);
    let mut found = Vec::new();
    for folder in FOLDERS {
        for listed in shelf.list_below(folder, deadline).await? {
            let Some(body) = shelf.get(&listed.path, deadline).await? else { continue };
            let batch = GivenUp::parse(&listed.path, &body)
                .map_err(|source| ReconcileError::GivenUp { path: listed.path.clone(), source })?;
            if function.is_none_or(|wanted| wanted == batch.function) {
                found.push(batch);
            }
        }
    }
    Ok(found)
}

/// Returns the offsets of a topic in the given-up batches of a function, by partition.
///
/// # Errors
/// [`ReconcileError::GivenUp`] if an object is not an invocation record, or if its event is not of Kafka;
/// [`ReconcileError::Store`] if S3 fails.
pub async fn of_topic(
    sources: &Sources,
    function: &str,
    topic: &str,
) -> Result<BTreeMap<i32, OffsetRanges>, ReconcileError> {
    let mut found: BTreeMap<i32, OffsetRanges> = BTreeMap::new();
    for batch in all(sources, Some(function)).await? {
        let event: Event = serde_json::from_slice(&batch.event)
            .map_err(|source| ReconcileError::GivenUp { path: batch.path.clone(), source })?;
        for record in event.records.into_values().flatten().filter(|record| record.topic == topic) {
            found.entry(record.partition).or_default().insert_one(record.offset);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invocation_records_of_aws_and_of_the_local_bridge_are_parsed() {
        for (arn, payload) in [
            (
                "arn:aws:lambda:eu-central-1:123456789012:function:headwater-prod-parquet-writer:live",
                r#""{\"records\":{}}""#,
            ),
            ("parquet-writer", r#"{"records":{}}"#),
        ] {
            let body = format!(
                r#"{{"requestContext":{{"functionArn":"{arn}","condition":"x"}},"payload":{payload}}}"#
            );
            let batch = GivenUp::parse("failed/x.json", body.as_bytes()).unwrap();
            assert_eq!(
                (batch.function.as_str(), batch.event.as_slice()),
                ("parquet-writer", &br#"{"records":{}}"#[..])
            );
        }
    }

    #[test]
    fn an_unknown_function_keeps_its_deployed_name() {
        for (name, folder) in [
            ("headwater-dev-table-writer", "table-writer"),
            ("table-writer", "table-writer"),
            ("my-ownparquet-writer2", "my-ownparquet-writer2"),
            ("ownparquet-writer", "ownparquet-writer"),
        ] {
            assert_eq!(folder_of(name), folder);
        }
    }
}
