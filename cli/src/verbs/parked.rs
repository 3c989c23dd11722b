//! `headwater parked`: the records that no sink could take.

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

/// What one redriving invocation carries at the most; Lambda takes 6 MB.
const MOST_RECORDS: usize = 5_000;
const MOST_BYTES: usize = 4 << 20;
const MOST_KEYS: usize = 200;

/// Why raw forecasts are not redriven: no function reads them.
const RAW_FORECASTS: &str =
    "raw forecasts are read again by `headwater forecast run`, once the object on S3 is mended";

/// Arguments of `headwater parked`.
#[derive(Debug, Args)]
pub(crate) struct ParkedArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List parked records, one a line
    #[command(after_help = "\
Examples:
  headwater parked list
  headwater parked list --lane parquet-writer
  headwater parked list --json | jq -r .reason | sort | uniq -c")]
    List {
        #[command(flatten)]
        filter: Filter,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show parked records whole
    #[command(after_help = "\
Examples:
  headwater parked show rooms-v1/2/1041
  headwater parked show 'headwater-media/songs 1.json#17'")]
    Show {
        /// Which, as TOPIC/PARTITION/OFFSET, BUCKET/KEY#INDEX, or BUCKET/KEY for an object as a whole
        source: String,
        #[command(flatten)]
        filter: Filter,
    },
    /// Hand parked records to their function again
    #[command(after_help = "\
Batches that a mapping gave up (its failure destination) are delivered again as well, unless --topic is given. All goes through the same function
as the first time. A record that was stored meanwhile is not stored again; one that still
cannot be stored is parked again, and then this exits with an error. So it does where records stay parked because they
belong to a topic that was deleted since (`headwater offsets reset`), or because they may be stored already.

Examples:
  headwater parked redrive
  headwater parked redrive --lane totals-upserter --topic rooms-v1")]
    Redrive {
        #[command(flatten)]
        filter: Filter,
        /// Store records, too, of which it is not known whether they are stored already
        #[arg(long)]
        include_uncertain: bool,
    },
}

#[derive(Debug, Args)]
struct Filter {
    /// Only of this function
    #[arg(long)]
    lane: Option<String>,
    /// Only of this topic
    #[arg(long)]
    topic: Option<String>,
}

impl Filter {
    fn takes(&self, record: &ParkedRecord) -> bool {
        let Some(wanted) = &self.topic else { return true };
        matches!(&record.source, Source::Kafka { topic, .. } if topic == wanted)
    }
}

/// Runs the action.
pub(crate) async fn run(layout: &Layout, args: &ParkedArgs) -> anyhow::Result<()> {
    let stack = Stack::open(layout).await?;
    let letters = open(&sources(&stack)?);
    match &args.action {
        Action::List { filter, json } => {
            let given_up = given_up::all(&stack, filter.lane.as_deref()).await?.len();
            if given_up > 0 {
                out::note(format!(
                    "{given_up} whole batches were given up: `headwater parked redrive` delivers them again"
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

fn show(records: &[ParkedRecord], source: &str) -> anyhow::Result<()> {
    let found: Vec<&ParkedRecord> =
        records.iter().filter(|record| record.source.to_string() == source).collect();
    if found.is_empty() {
        return Err(failure(
            format!("no parked record {source}"),
            "`headwater parked list` names them, as topic/partition/offset or bucket/key#index",
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
        given_up::deliver(stack, batch).await.context("a batch that was given up is still where it was")?;
        out::line(format!("a batch that was given up was delivered to {function} again"));
    }
    let before = records(letters, filter).await?;
    // An object is redriven whole or not at all: it is deleted when all of it was handled.
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
    out::line(format!("{} records redriven, {} of them are still parked", before.len(), after.len()));
    for reason in &reasons {
        out::line(format!("left parked: {reason}"));
    }
    match after.first() {
        None => Ok(()),
        Some(record) => Err(failure(
            format!("{} records are still parked, the first because: {}", after.len(), record.reason),
            "mend the cause (`headwater parked list`), deploy it, and redrive again",
        )),
    }
}

fn is_of_object(record: &ParkedRecord) -> bool {
    matches!(record.source, Source::Object { .. })
}

/// Has the objects that parked records are of read again: the function replaces what it parked of them. Returns the number
/// of records.
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

fn size(objects: &[ParkedObject]) -> (usize, usize) {
    let records = || objects.iter().flat_map(|object| &object.records).flatten();
    let bytes = |record: &ParkedRecord| {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let headers: usize = record.headers.iter().map(|header| header.value_base64.len() * 4).sum();
        text(&record.key_base64) + text(&record.value_base64) + headers + 200
    };
    (records().count(), records().map(bytes).sum())
}

/// Where redriven records go.
struct Destination<'a> {
    stack: &'a Stack,
    letters: &'a DeadLetters,
    lane: &'a str,
    redrive: Redrive,
}

/// Hands records to the lane's function, and deletes what it handled. Adds to `reasons` why others stay parked.
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
    let answer = stack.invoke(lane, event.to_json()).await.context("nothing of this batch was redriven")?;
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
        // One that changed meanwhile was parked again.
        letters.remove(object, deadline).await.context("cannot delete a redriven object")?;
        handled += object.records.len() as u64;
    }
    Ok(handled)
}
