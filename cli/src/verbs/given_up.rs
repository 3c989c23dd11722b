//! Batches that a mapping gave up, kept whole at its failure destination, delivered again.
//!
//! The functions' positions know whether a first try had in fact succeeded, so that each record is stored once.

use std::collections::BTreeMap;

use anyhow::Context as _;
use objects::{ObjectStore, S3Location};
use positions::OffsetRanges;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Duration, Instant};

use crate::{failure::failure, stack::opened::Stack};

/// Where mappings leave them, beside the parked records: the local bridge's folder, and Lambda's own.
const FOLDERS: [&str; 2] = ["failed/", "aws/lambda/"];

/// How long reading all of them may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// A batch at the failure destination.
pub(crate) struct GivenUp {
    path: String,
    /// The function that it was meant for, by its folder's name.
    pub(crate) function: String,
    event: Vec<u8>,
}

/// What Lambda writes to a failure destination on S3, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InvocationRecord {
    request_context: RequestContext,
    payload: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    function_arn: String,
}

/// A batch, as far as it says which records it holds.
#[derive(Deserialize)]
struct Event {
    records: BTreeMap<String, Vec<Place>>,
}

#[derive(Deserialize)]
struct Place {
    topic: String,
    partition: i32,
    offset: i64,
}

impl GivenUp {
    /// `function` is still the name that it is deployed under.
    fn parse(path: &str, body: &[u8]) -> serde_json::Result<Self> {
        let record: InvocationRecord = serde_json::from_slice(body)?;
        // AWS gives the event as a string within the JSON, the local bridge as it is.
        let event = serde_json::from_str::<String>(record.payload.get())
            .unwrap_or_else(|_| record.payload.get().to_owned())
            .into_bytes();
        let arn = record.request_context.function_arn;
        // arn:aws:lambda:region:account:function:name[:version], or the name alone.
        let function = arn.split(':').nth(6).unwrap_or(&arn).to_owned();
        Ok(Self { path: path.to_owned(), function, event })
    }
}

async fn shelf(stack: &Stack) -> anyhow::Result<ObjectStore> {
    let root = &stack.outputs().parked_root;
    let root: S3Location = root.parse().with_context(|| format!("{root} is not an address on S3"))?;
    Ok(ObjectStore::new(stack.objects(), root.root()))
}

/// All of them, optionally of one function.
pub(crate) async fn all(stack: &Stack, function: Option<&str>) -> anyhow::Result<Vec<GivenUp>> {
    let (shelf, deadline) = (shelf(stack).await?, Instant::now() + PATIENCE);
    let mut found = Vec::new();
    for folder in FOLDERS {
        for listed in shelf.list_below(folder, deadline).await? {
            let Some(body) = shelf.get(&listed.path, deadline).await? else { continue };
            let mut batch = GivenUp::parse(&listed.path, &body).with_context(|| {
                format!("{}/{} is not an invocation record", shelf.location(), listed.path)
            })?;
            batch.function = stack.folder_of(&batch.function);
            if function.is_none_or(|wanted| wanted == batch.function) {
                found.push(batch);
            }
        }
    }
    Ok(found)
}

/// The offsets of a topic in the given-up batches of a function, by partition.
pub(crate) async fn offsets(
    stack: &Stack,
    function: &str,
    topic: &str,
) -> anyhow::Result<BTreeMap<i32, OffsetRanges>> {
    let mut found: BTreeMap<i32, OffsetRanges> = BTreeMap::new();
    for batch in all(stack, Some(function)).await? {
        let event: Event = serde_json::from_slice(&batch.event)
            .with_context(|| format!("{} holds no event of Kafka", batch.path))?;
        for record in event.records.into_values().flatten().filter(|record| record.topic == topic) {
            found.entry(record.partition).or_default().insert_one(record.offset);
        }
    }
    Ok(found)
}

/// Delivers a batch again; it is deleted once every record of it was handled.
pub(crate) async fn deliver(stack: &Stack, batch: GivenUp) -> anyhow::Result<()> {
    let GivenUp { path, function, event } = batch;
    let answer = stack.invoke(&function, event).await?;
    if answer["batchItemFailures"].as_array().is_some_and(|failures| !failures.is_empty()) {
        return Err(failure(
            format!("{function} could not handle {}", answer["batchItemFailures"]),
            format!("see `headwater logs {function}`"),
        ));
    }
    shelf(stack)
        .await?
        .delete(&path, Instant::now() + PATIENCE)
        .await
        .context("cannot delete a redriven batch")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_records_of_aws_and_of_the_local_bridge_are_read_alike() {
        for (arn, payload) in [
            (
                "arn:aws:lambda:eu-central-1:123456789012:function:parquet-writer:$LATEST",
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
}
