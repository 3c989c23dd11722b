//! `headwater status`: shows which parts of the stack are running, the lag of each mapping, and the depth of each
//! queue.

use std::collections::{BTreeMap, BTreeSet};

use ::kafka::LagReader;
use clap::Args;
use event_source::Mapping;
use serde::Serialize;

use crate::{
    failure, out,
    stack::{
        bridge, emulator, forecast_api, kafka,
        lag::{self, MappingLag, OffsetRange, OpenTransaction},
        layout::Layout,
        mappings::{self, LastErrors},
        opened::Stack,
        postgres,
        process::Part,
        queues::{self, QueueDepth},
        record::LocalStack,
    },
    table,
};

/// Arguments of `headwater status`.
#[derive(Debug, Args)]
#[command(after_help = "\
Use it as the first look at a stack. It shows the state of each part, the lag and the last error of each mapping and
queue, lost records, and open transactions that keep records back. The lag is the number of offsets not yet delivered.

For the local stack, this works also if the stack is down. With --stack, the parts are Kafka and Postgres, which are
running if they can be reached from here, and the last errors come from Lambda.

Examples:
  headwater status
  headwater --stack stack.json status
  headwater status --json | jq '.mappings[].lag'")]
pub(crate) struct Status {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What `status` prints. Except for `place`, the field names are the keys of `--json`.
#[derive(Debug, Serialize)]
struct Report {
    /// The folder of the local stack, or the stack file.
    #[serde(rename = "data_dir")]
    place: String,
    /// Whether the local stack's schedules are enabled (`up --live`). Always `true` with a stack file.
    live: bool,
    /// By name of the part.
    parts: BTreeMap<&'static str, PartReport>,
    /// In the order of Terraform's outputs. Empty if the local stack is not deployed yet.
    mappings: Vec<MappingReport>,
    /// Empty if SQS cannot be asked.
    queues: Vec<QueueReport>,
}

/// An SQS queue that feeds a function. SQS gives approximate numbers only.
#[derive(Debug, Serialize)]
struct QueueReport {
    /// Deployed name of the function.
    function: String,
    queue: String,
    /// Messages that are visible, in flight or delayed.
    waiting: u64,
    /// Messages in the dead-letter queue.
    dead: u64,
    /// Error of the last batch, if it failed. Always `null` in AWS: Lambda reports none for SQS.
    last_error: Option<String>,
}

/// A part of the stack, such as `kafka`.
#[derive(Debug, Serialize)]
struct PartReport {
    /// Whether its process exists. With a stack file, the same as `healthy`.
    running: bool,
    /// Whether it is running and answers.
    healthy: bool,
    /// Port on this machine. This, the version and the process id are `null` if unknown.
    port: Option<u16>,
    version: Option<String>,
    pid: Option<i32>,
}

/// An event source mapping from a topic to a function.
#[derive(Debug, Serialize)]
struct MappingReport {
    /// Deployed name of the function.
    function: String,
    /// Consumer group.
    group: String,
    topic: String,
    /// Sum of the end offsets of all partitions, open transactions included. `null` if Kafka does not answer.
    end: Option<u64>,
    /// Number of offsets that the group can read and has not committed. `null` if Kafka does not answer.
    lag: Option<u64>,
    /// Error of the last batch, if it failed, or that the mapping is disabled.
    last_error: Option<String>,
    /// Offsets that Kafka deleted before the group read them, until an operator accepts the loss.
    lost: Vec<OffsetRange>,
    /// Transactions that are open, so that later records of their partitions cannot be read yet.
    open_transactions: Vec<OpenTransaction>,
}

/// Prints the state of the stack, as tables or as one JSON object. A part that does not answer is shown, not an error.
///
/// # Errors
/// The record of the local stack is damaged, or the stack file cannot be used.
pub(crate) async fn run(layout: &Layout, args: &Status) -> anyhow::Result<()> {
    let report = if let Some(file) = &layout.stack_named {
        let stack = Stack::open(layout).await?;
        Box::pin(of_account(layout, &stack, &file.display().to_string())).await
    } else {
        let local = LocalStack::load_if_any(layout)?.unwrap_or_default();
        Box::pin(of_local(layout, local)).await?
    };
    if args.json {
        return out::json(&report);
    }
    let word = |part: &PartReport| match (part.running, part.healthy) {
        (true, true) => "running",
        (true, false) => "does not answer",
        (false, _) => "not running",
    };
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let parts = report.parts.iter().map(|(name, part)| {
        vec![
            (*name).to_owned(),
            word(part).to_owned(),
            text(part.port.map(|port| port.to_string())),
            text(part.version.clone()),
            text(part.pid.map(|pid| pid.to_string())),
        ]
    });
    out::line(table::render(&["part", "state", "port", "version", "process"], parts));
    if !report.mappings.is_empty() {
        let mappings = report.mappings.iter().map(|mapping| {
            vec![
                mapping.function.clone(),
                mapping.group.clone(),
                mapping.topic.clone(),
                text(mapping.lag.map(|lag| lag.to_string())),
                text(mapping.last_error.clone()),
            ]
        });
        out::line("");
        out::line(table::render(&["function", "group", "topic", "lag", "last error"], mappings));
    }
    for line in warnings(&report.mappings) {
        out::line(line);
    }
    if !report.queues.is_empty() {
        let rows = report.queues.iter().map(|queue| {
            vec![
                queue.function.clone(),
                queue.queue.clone(),
                queue.waiting.to_string(),
                queue.dead.to_string(),
                text(queue.last_error.clone()),
            ]
        });
        out::line("");
        out::line(table::render(&["function", "queue", "waiting", "given up", "last error"], rows));
    }
    if layout.stack_named.is_none() && report.parts.values().any(|part| !part.healthy) {
        out::note("not all parts are healthy: `headwater up` starts missing parts");
    }
    Ok(())
}

/// Lines about lost records and open transactions, sorted. A transaction that blocks several groups is listed once.
fn warnings(mappings: &[MappingReport]) -> Vec<String> {
    let mut lines = BTreeSet::new();
    for mapping in mappings {
        let MappingReport { group, topic, lost, open_transactions, .. } = mapping;
        lines.extend(open_transactions.iter().map(|open| open.describe(topic)));
        if !lost.is_empty() {
            let ranges: Vec<String> = lost.iter().map(ToString::to_string).collect();
            lines.insert(format!(
                "{group} lost records of {topic}, because Kafka deleted them before they were read: {}; to give them \
                 up, run `headwater offsets accept-loss --group {group} --topic {topic}`",
                ranges.join(", ")
            ));
        }
    }
    lines.into_iter().collect()
}

/// The state of the local stack. It may be down, or may never have been up.
async fn of_local(layout: &Layout, local: LocalStack) -> anyhow::Result<Report> {
    let mut parts = BTreeMap::new();
    let mut emulator = of(&emulator::part(layout), false);
    let version = if local.endpoint.is_empty() { None } else { emulator::healthy(&local.endpoint).await };
    emulator.healthy = (emulator.running || local.foreign_emulator) && version.is_some();
    if local.foreign_emulator {
        emulator.running = emulator.healthy;
        emulator.port = crate::stack::http::authority(&local.endpoint)
            .ok()
            .and_then(|host| host.rsplit_once(':')?.1.parse().ok());
    }
    emulator.version = version.or(emulator.version);
    parts.insert("emulator", emulator);
    let kafka_runs = kafka::part(layout).running().is_some();
    let kafka_answers = kafka_runs && kafka::answers(&local.kafka()).await;
    parts.insert("kafka", of(&kafka::part(layout), kafka_answers));
    let database =
        postgres::part(layout).running().is_some() && postgres::connect(&local.database_url).await.is_ok();
    parts.insert("postgres", of(&postgres::part(layout), database));
    parts.insert("bridge", of(&bridge::part(layout), bridge::reports(layout)));
    let stub = forecast_api::part(layout);
    let answers = stub.running().is_some() && forecast_api::answers(&local).await;
    parts.insert("forecast-api", of(&stub, answers));

    let live = local.live;
    let emulator_answers = parts["emulator"].healthy;
    let (mut mappings, mut queues) = (Vec::new(), Vec::new());
    if local.outputs.is_some() {
        let stack = Stack::of_local(local).await?;
        let reader = if kafka_answers { lag::reader(&stack).await.ok() } else { None };
        let errors = mappings::last_errors(layout, &stack).await;
        mappings = mappings_of(&stack, reader.as_ref(), &errors).await;
        if emulator_answers {
            queues = queues_of(&stack, &errors).await.unwrap_or_default();
        }
    }
    Ok(Report { place: layout.data.display().to_string(), live, parts, mappings, queues })
}

/// The state of a stack in AWS, as far as it can be seen from this machine. Prints a note for each service that cannot
/// be reached.
async fn of_account(layout: &Layout, stack: &Stack, file: &str) -> Report {
    let told = |error: anyhow::Error| out::note(failure::describe(&error));
    let reader = lag::reader(stack).await.map_err(told).ok();
    let database = stack.postgres().await.map_err(told).is_ok();
    let part = |healthy: bool| PartReport { running: healthy, healthy, port: None, version: None, pid: None };
    let parts = BTreeMap::from([("kafka", part(reader.is_some())), ("postgres", part(database))]);
    let errors = mappings::last_errors(layout, stack).await;
    let mappings = mappings_of(stack, reader.as_ref(), &errors).await;
    let queues = queues_of(stack, &errors).await.map_err(told).unwrap_or_default();
    // In AWS, schedules are enabled by a setting of Terraform, which the stack file does not contain.
    Report { place: file.to_owned(), live: true, parts, mappings, queues }
}

/// The mappings with their lag. Without a reader, or if Kafka cannot be read, the lag is unknown.
async fn mappings_of(stack: &Stack, reader: Option<&LagReader>, errors: &LastErrors) -> Vec<MappingReport> {
    let lags = match reader {
        Some(reader) => lag::all(reader, stack.outputs()).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let report = |mapping: &Mapping| {
        let lag = lags.iter().find(|lag| lag.mapping == mapping);
        let last_error = errors.mappings.get(&(mapping.consumer_group.clone(), mapping.topic.clone()));
        MappingReport {
            function: mapping.function_name.clone(),
            group: mapping.consumer_group.clone(),
            topic: mapping.topic.clone(),
            end: lag.map(MappingLag::end),
            lag: lag.map(MappingLag::total),
            last_error: last_error.cloned(),
            lost: lag.map(MappingLag::lost).unwrap_or_default(),
            open_transactions: lag.map(MappingLag::open_transactions).unwrap_or_default(),
        }
    };
    stack.outputs().event_source_mappings.iter().map(report).collect()
}

/// The depth of every queue. Fails if SQS cannot be asked.
async fn queues_of(stack: &Stack, errors: &LastErrors) -> anyhow::Result<Vec<QueueReport>> {
    let report = |depth: QueueDepth<'_>| QueueReport {
        function: depth.queue.function_name.clone(),
        queue: depth.queue.name.clone(),
        waiting: depth.waiting,
        dead: depth.dead,
        last_error: errors.queues.get(&depth.queue.name).cloned(),
    };
    Ok(queues::all(stack).await?.into_iter().map(report).collect())
}

/// The state of a part, from the record of its process.
fn of(part: &Part, answers: bool) -> PartReport {
    let record = part.running();
    PartReport {
        running: record.is_some(),
        healthy: record.is_some() && answers,
        port: record.as_ref().map(|record| record.port),
        version: record.as_ref().map(|record| record.version.clone()),
        pid: record.map(|record| record.pid),
    }
}
