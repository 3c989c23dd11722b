//! `headwater parked`: lists, shows and redrives parked records, which no sink could store.
//!
//! Parked records are lines of objects on S3, one folder per function. A redrive sends the records of whole objects,
//! because an object is deleted only when all its records were handled.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use dead_letters::{DeadLetters, Header, ParkedObject, ParkedRecord, Source, newest_by_source};
use kafka_batch::{BatchResponse, Redrive, event::MskEvent};
use tokio::time::{Duration, Instant};

use crate::{
    failure::failure,
    out,
    progress::Meter,
    reconcile::{
        forecast,
        parked::{objects, open},
        sources,
    },
    stack::{layout::Layout, opened::Stack},
    table,
    verbs::{given_up, ingest},
};

/// Maximum number of records in one redriving invocation, unless a single object has more.
const MOST_RECORDS: usize = 5_000;
/// Maximum size of its event in bytes, by an estimate. Lambda accepts 6 MB.
const MOST_BYTES: usize = 4 << 20;
/// Maximum number of object keys in one invocation of an S3 lane.
const MOST_KEYS: usize = 200;

/// Why raw forecasts are not redriven: a Spark job reads them, not a function.
const RAW_FORECASTS: &str = "repair the raw forecast on S3; then `headwater forecast run` reads it again";

/// Arguments of `headwater parked`.
#[derive(Debug, Args)]
pub(crate) struct ParkedArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List parked records, one per line
    #[command(after_help = "\
Use it to see which records could not be stored, and why. Also prints how many whole batches were given up.

Examples:
  headwater parked list
  headwater parked list --lane parquet-writer
  headwater parked list --json | jq -r .reason | sort | uniq -c")]
    List {
        #[command(flatten)]
        filter: Filter,
        /// Print one JSON object per line, with the bytes in base64
        #[arg(long)]
        json: bool,
    },
    /// Show all fields of a parked record
    #[command(after_help = "\
Use it to look at the bytes and the reason. A record that several functions have parked is shown once for each.

Examples:
  headwater parked show rooms-v1/2/1041
  headwater parked show 'headwater-media/songs 1.json#17'")]
    Show {
        /// Source of the record: TOPIC/PARTITION/OFFSET, BUCKET/KEY#INDEX, or BUCKET/KEY for a whole object
        source: String,
        #[command(flatten)]
        filter: Filter,
    },
    /// Send parked records to their function again
    #[command(after_help = "\
Use it after the cause is repaired and deployed, for example a field in the pipeline file. Unless --topic is given, it
first delivers the batches again that were given up.

A record that was stored meanwhile is not stored again. A record stays parked if it still cannot be stored, if it
belongs to an earlier topic of this name (`headwater offsets reset`), or if it may be stored already. The command then
exits with an error.

Examples:
  headwater parked redrive
  headwater parked redrive --lane totals-upserter --topic rooms-v1")]
    Redrive {
        #[command(flatten)]
        filter: Filter,
        /// Also store records that may be stored already; check the sink first
        #[arg(long)]
        include_uncertain: bool,
    },
}

/// Which parked records a verb works on.
#[derive(Debug, Args)]
struct Filter {
    /// Only records that this function has parked
    #[arg(long)]
    lane: Option<String>,
    /// Only records of this topic
    #[arg(long)]
    topic: Option<String>,
}

impl Filter {
    /// Whether the record is of the topic. The lane is not compared: it selects the folder that is read.
    fn takes(&self, record: &ParkedRecord) -> bool {
        let Some(wanted) = &self.topic else { return true };
        matches!(&record.source, Source::Kafka { topic, .. } if topic == wanted)
    }
}

/// Lists, shows or redrives parked records, as the action says.
///
/// # Errors
/// - S3 cannot be read.
/// - `show`: no parked record has this source.
/// - `redrive`: an invocation fails, or records are still parked at the end.
pub(crate) async fn run(layout: &Layout, args: &ParkedArgs) -> anyhow::Result<()> {
    let stack = Stack::open(layout).await?;
    let letters = open(&sources(&stack)?);
    match &args.action {
        Action::List { filter, json } => {
            let given_up = given_up::all(&stack, filter.lane.as_deref()).await?.len();
            if given_up > 0 {
                out::note(format!(
                    "{given_up} batches were given up; `headwater parked redrive` delivers them again"
                ));
            }
            list(&records(&letters, filter).await?, *json)
        }
        Action::Show { source, filter } => show(&records(&letters, filter).await?, source),
        Action::Redrive { filter, include_uncertain } => {
            redrive(&stack, &letters, filter, *include_uncertain).await
        }
    }
}

/// Reads the parked records that the filter selects. If a record was parked several times, returns it as it was parked
/// last. Lines that are not parked records are skipped, with a note.
async fn records(letters: &DeadLetters, filter: &Filter) -> anyhow::Result<Vec<ParkedRecord>> {
    let objects = objects(letters, filter.lane.as_deref()).await?;
    for object in &objects {
        let broken = object.records.iter().filter(|record| record.is_err()).count();
        if broken > 0 {
            out::note(format!("{broken} lines of {}/{} are not parked records", letters.root(), object.path));
        }
    }
    let all = objects.into_iter().flat_map(|object| object.records).flatten();
    Ok(newest_by_source(all.filter(|record| filter.takes(record))))
}

fn list(records: &[ParkedRecord], json: bool) -> anyhow::Result<()> {
    if json {
        return records.iter().try_for_each(out::json);
    }
    if records.is_empty() {
        out::note("nothing is parked");
        return Ok(());
    }
    let rows = records.iter().map(|record| {
        let source = record.source.to_string();
        vec![record.lane.clone(), source, record.parked_at.clone(), record.reason.clone()]
    });
    out::line(table::render(&["lane", "record", "parked at", "reason"], rows));
    Ok(())
}

/// Prints all fields of the records with this source. Key and value are printed as text with escapes, or only their
/// lengths if they are not UTF-8; the value also in base64. Fails if there is no such record.
fn show(records: &[ParkedRecord], source: &str) -> anyhow::Result<()> {
    let found: Vec<&ParkedRecord> =
        records.iter().filter(|record| record.source.to_string() == source).collect();
    if found.is_empty() {
        return Err(failure(
            format!("no parked record {source}"),
            "`headwater parked list` lists them, as topic/partition/offset or bucket/key#index",
        ));
    }
    let text = |bytes: Option<Vec<u8>>| match bytes {
        None => "none".to_owned(),
        Some(bytes) => match String::from_utf8(bytes) {
            Ok(text) => format!("{text:?}"),
            Err(error) => format!("{} bytes that are not UTF-8", error.as_bytes().len()),
        },
    };
    for record in found {
        out::line(format!("record     {source}"));
        out::line(format!("lane       {}", record.lane));
        out::line(format!("reason     {}", record.reason));
        out::line(format!("parked at  {}", record.parked_at));
        out::line(format!("schema     {}, code {}", record.schema, record.version));
        out::line(format!("key        {}", text(record.key().context("the key is not base64")?)));
        out::line(format!("value      {}", text(record.value().context("the value is not base64")?)));
        out::line(format!("base64     {}", record.value_base64.as_deref().unwrap_or("none")));
        for header in &record.headers {
            out::line(format!("header     {}: {}", header.name, header.value_base64));
        }
    }
    Ok(())
}

/// Redelivers batches that were given up, then redrives the parked records of the selected objects, lane by lane.
///
/// Objects with a damaged line, or with records of another topic than `--topic`, are left alone.
///
/// # Errors
/// An invocation fails, or records are still parked at the end.
async fn redrive(
    stack: &Stack,
    letters: &DeadLetters,
    filter: &Filter,
    include_uncertain: bool,
) -> anyhow::Result<()> {
    let whole =
        if filter.topic.is_none() { given_up::all(stack, filter.lane.as_deref()).await? } else { Vec::new() };
    for batch in whole {
        let function = batch.function.clone();
        given_up::deliver(stack, batch)
            .await
            .context("a batch that was given up could not be redelivered")?;
        out::line(format!("a batch that was given up was delivered to {function} again"));
    }
    let before = records(letters, filter).await?;
    // Only whole objects are redriven, because an object is deleted when all its records were handled.
    let mut lanes: BTreeMap<(String, i64), Vec<ParkedObject>> = BTreeMap::new();
    for object in objects(letters, filter.lane.as_deref()).await? {
        let lane = object.path.split('/').next().unwrap_or_default().to_owned();
        let sound = object.records.iter().all(Result::is_ok);
        if sound && object.records.iter().flatten().all(|record| filter.takes(record)) {
            // All letters of an object were parked in one incarnation of the sink's position.
            let incarnation = object.records.iter().flatten().next().map_or(0, |record| record.incarnation);
            lanes.entry((lane, incarnation)).or_default().push(object);
        }
    }
    let total = lanes.values().flatten().map(|object| object.records.len()).sum::<usize>();
    let mut meter = Meter::new("parked records", total as u64);
    let mut done = 0;
    let mut reasons = BTreeSet::new();
    for ((lane, incarnation), objects) in lanes {
        if lane == forecast::LANE {
            reasons.insert(RAW_FORECASTS.to_owned());
            continue;
        }
        let to =
            Destination { stack, letters, lane: &lane, redrive: Redrive { incarnation, include_uncertain } };
        if objects.iter().flat_map(|object| object.records.iter().flatten()).any(is_of_object) {
            done += read_again(stack, &lane, &objects).await?;
            meter.set(done, total as u64);
            continue;
        }
        let mut waiting: Vec<ParkedObject> = Vec::new();
        for object in objects {
            let (records, bytes) = size(&waiting);
            let (more_records, more_bytes) = size(std::slice::from_ref(&object));
            if records > 0 && (records + more_records > MOST_RECORDS || bytes + more_bytes > MOST_BYTES) {
                done += hand_over(&to, std::mem::take(&mut waiting), &mut reasons).await?;
                meter.set(done, total as u64);
            }
            waiting.push(object);
        }
        done += hand_over(&to, waiting, &mut reasons).await?;
        meter.set(done, total as u64);
    }
    drop(meter);
    let after = records(letters, filter).await?;
    out::line(format!("{} records were parked, {} are still parked", before.len(), after.len()));
    for reason in &reasons {
        out::line(format!("left parked: {reason}"));
    }
    match after.first() {
        None => Ok(()),
        Some(record) => Err(failure(
            format!("{} records are still parked, the first because: {}", after.len(), record.reason),
            "repair the cause (`headwater parked list` shows it), deploy, and redrive again",
        )),
    }
}

/// Whether the record comes from an S3 object. Such a record is redriven by reading its object again.
fn is_of_object(record: &ParkedRecord) -> bool {
    matches!(record.source, Source::Object { .. })
}

/// Invokes the function of an S3 lane to read the source objects of parked records again. The function replaces the
/// parked records of each object by those that it still cannot store. Returns the number of records before.
async fn read_again(stack: &Stack, lane: &str, letters: &[ParkedObject]) -> anyhow::Result<u64> {
    let records = || letters.iter().flat_map(|object| object.records.iter().flatten());
    let keys: BTreeSet<&str> = records()
        .filter_map(|record| match &record.source {
            Source::Object { key, .. } => Some(key.as_str()),
            Source::Kafka { .. } => None,
        })
        .collect();
    let keys: Vec<&str> = keys.into_iter().collect();
    for some in keys.chunks(MOST_KEYS) {
        ingest::read_again(stack, lane, some).await?;
    }
    Ok(records().count() as u64)
}

/// The number of records, and the estimated size of their event in bytes. In the event, a header value is an array of
/// decimal numbers, at most four characters per byte; 200 bytes are added for the other fields of a record.
fn size(objects: &[ParkedObject]) -> (usize, usize) {
    let records = || objects.iter().flat_map(|object| &object.records).flatten();
    let bytes = |record: &ParkedRecord| {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let headers: usize = record.headers.iter().map(|header| header.value_base64.len() * 4).sum();
        text(&record.key_base64) + text(&record.value_base64) + headers + 200
    };
    (records().count(), records().map(bytes).sum())
}

/// The function to which records are redriven.
struct Destination<'a> {
    stack: &'a Stack,
    letters: &'a DeadLetters,
    /// Name of the function's folder.
    lane: &'a str,
    /// Mark on the event, by which the function recognises a redrive.
    redrive: Redrive,
}

/// Sends the records of `objects` to the lane's function in one invocation. Deletes the objects whose records were all
/// handled, and returns the number of records in them. Adds to `reasons` why the others stay parked.
///
/// # Errors
/// A record has invalid base64, the invocation fails, or its answer has another form than [`BatchResponse`].
async fn hand_over(
    to: &Destination<'_>,
    objects: Vec<ParkedObject>,
    reasons: &mut BTreeSet<String>,
) -> anyhow::Result<u64> {
    if objects.is_empty() {
        return Ok(0);
    }
    let Destination { stack, letters, lane, redrive } = *to;
    let all = objects.iter().flat_map(|object| object.records.iter().flatten().cloned());
    let records = newest_by_source(all);
    let cluster = stack.cluster()?.cluster.to_string();
    let arn = stack.outputs().kafka_cluster_arn.as_deref().unwrap_or(event_source::bridge::LOCAL_CLUSTER_ARN);
    let mut event = MskEvent::new(arn, &cluster).of_redrive(redrive);
    for record in &records {
        let Source::Kafka { topic, partition, offset } = &record.source else { continue };
        let damaged = || format!("{} is damaged", record.source);
        let (key, value) = (record.key().with_context(damaged)?, record.value().with_context(damaged)?);
        let decoded = |header: &Header| {
            let value = base64_simd::STANDARD.decode_to_vec(&header.value_base64)?;
            Ok((header.name.clone(), value))
        };
        let headers: Result<Vec<_>, base64_simd::Error> = record.headers.iter().map(decoded).collect();
        let headers = headers.with_context(damaged)?;
        event.push(topic, *partition, *offset, record.timestamp, key.as_deref(), value.as_deref(), &headers);
    }
    let answer = stack.invoke(lane, event.to_json()).await.context("cannot redrive these records")?;
    let response: BatchResponse =
        serde_json::from_value(answer.clone()).with_context(|| format!("{lane} answered {answer}"))?;
    let left: BTreeSet<(String, i64)> = response
        .batch_item_failures
        .into_iter()
        .map(|failure| (failure.item_identifier.partition, failure.item_identifier.offset))
        .collect();
    let said = answer["reasons"].as_array().into_iter().flatten();
    reasons.extend(said.filter_map(|reason| reason.as_str()).map(ToOwned::to_owned));
    let is_left = |record: &ParkedRecord| match &record.source {
        Source::Kafka { topic, partition, offset } => {
            left.contains(&(format!("{topic}-{partition}"), *offset))
        }
        Source::Object { .. } => false,
    };
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut handled = 0;
    for object in &objects {
        if object.records.iter().flatten().any(is_left) {
            continue;
        }
        // `remove` keeps an object that was overwritten meanwhile: its records were parked again.
        letters.remove(object, deadline).await.context("cannot delete a redriven object")?;
        handled += object.records.len() as u64;
    }
    Ok(handled)
}
