//! `headwater status`: each part, each mapping and each queue.

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
With --stack, Kafka and Postgres say whether they can be reached from here; each mapping's last error is Lambda's word.

Examples:
  headwater status
  headwater --stack stack.json status
  headwater status --json | jq '.mappings[].lag'")]
pub(crate) struct Status {
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    /// The folder of the local stack, or the stack file.
    #[serde(rename = "data_dir")]
    place: String,
    live: bool,
    parts: BTreeMap<&'static str, PartReport>,
    mappings: Vec<MappingReport>,
    queues: Vec<QueueReport>,
}

#[derive(Debug, Serialize)]
struct QueueReport {
    function: String,
    queue: String,
    /// Messages that wait or are worked on.
    waiting: u64,
    /// Messages that were given up.
    dead: u64,
    last_error: Option<String>,
}

#[derive(Debug, Serialize)]
struct PartReport {
    running: bool,
    /// It runs and answers.
    healthy: bool,
    port: Option<u16>,
    version: Option<String>,
    pid: Option<i32>,
}

#[derive(Debug, Serialize)]
struct MappingReport {
    function: String,
    group: String,
    topic: String,
    /// The sum of the partitions' end offsets. This and the lag are `null` when Kafka does not answer.
    end: Option<u64>,
    lag: Option<u64>,
    last_error: Option<String>,
    /// What Kafka deleted before the group read it, until an operator accepts it.
    lost: Vec<OffsetRange>,
    /// Transactions that keep records of the topic back.
    open_transactions: Vec<OpenTransaction>,
}

/// Prints what runs and how far it is.
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
        out::note("not all is well: `headwater up` starts what is missing");
    }
    Ok(())
}

/// What somebody should look at, in words.
fn warnings(mappings: &[MappingReport]) -> Vec<String> {
    let mut lines = BTreeSet::new();
    for mapping in mappings {
        let MappingReport { group, topic, lost, open_transactions, .. } = mapping;
        lines.extend(open_transactions.iter().map(|open| open.describe(topic)));
        if !lost.is_empty() {
            let ranges: Vec<String> = lost.iter().map(ToString::to_string).collect();
            lines.insert(format!(
                "{group} lost records of {topic}, because Kafka deleted them before they were read: {}; `headwater offsets \
                 accept-loss --group {group} --topic {topic}` says that they are given up",
                ranges.join(", ")
            ));
        }
    }
    lines.into_iter().collect()
}

/// The local stack, also one that is down or never came up.
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

/// What can be seen from here of the stack that a stack file describes. What cannot is named in a note.
async fn of_account(layout: &Layout, stack: &Stack, file: &str) -> Report {
    let told = |error: anyhow::Error| out::note(failure::describe(&error));
    let reader = lag::reader(stack).await.map_err(told).ok();
    let database = stack.postgres().await.map_err(told).is_ok();
    let part = |healthy: bool| PartReport { running: healthy, healthy, port: None, version: None, pid: None };
    let parts = BTreeMap::from([("kafka", part(reader.is_some())), ("postgres", part(database))]);
    let errors = mappings::last_errors(layout, stack).await;
    let mappings = mappings_of(stack, reader.as_ref(), &errors).await;
    let queues = queues_of(stack, &errors).await.map_err(told).unwrap_or_default();
    // Whether schedules are on is Terraform's matter there.
    Report { place: file.to_owned(), live: true, parts, mappings, queues }
}

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
