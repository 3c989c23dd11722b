//! `headwater status`: each part, each mapping and each queue.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde::Serialize;

use crate::{
    out,
    stack::{
        bridge, emulator, forecast_api, kafka,
        lag::{self, MappingLag, OffsetRange, OpenTransaction},
        layout::Layout,
        postgres,
        process::Part,
        queues,
        record::Stack,
    },
    table,
};

/// Arguments of `headwater status`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  headwater status
  headwater status --json | jq '.mappings[].lag'")]
pub(crate) struct Status {
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    data_dir: String,
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
    let stack = Stack::load_if_any(layout)?.unwrap_or_default();
    let report = report(layout, &stack).await;
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
    if report.parts.values().any(|part| !part.healthy) {
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

async fn report(layout: &Layout, stack: &Stack) -> Report {
    let mut parts = BTreeMap::new();
    let mut emulator = of(&emulator::part(layout), false);
    let version = if stack.endpoint.is_empty() { None } else { emulator::healthy(&stack.endpoint) };
    emulator.healthy = (emulator.running || stack.foreign_emulator) && version.is_some();
    if stack.foreign_emulator {
        emulator.running = emulator.healthy;
        emulator.port = crate::stack::http::authority(&stack.endpoint)
            .ok()
            .and_then(|host| host.rsplit_once(':')?.1.parse().ok());
    }
    emulator.version = version.or(emulator.version);
    parts.insert("emulator", emulator);
    let kafka_runs = kafka::part(layout).running().is_some();
    let kafka_answers = kafka_runs && kafka::answers(&stack.kafka()).await;
    parts.insert("kafka", of(&kafka::part(layout), kafka_answers));
    let database =
        postgres::part(layout).running().is_some() && postgres::connect(&stack.database_url).await.is_ok();
    parts.insert("postgres", of(&postgres::part(layout), database));
    parts.insert("bridge", of(&bridge::part(layout), bridge::reports(layout)));
    let stub = forecast_api::part(layout);
    let answers = stub.running().is_some() && forecast_api::answers(stack);
    parts.insert("forecast-api", of(&stub, answers));

    let outputs = stack.outputs.clone().unwrap_or_default();
    let lags = match lag::reader(stack).await {
        Ok(reader) if kafka_answers => lag::all(&reader, &outputs).await.unwrap_or_default(),
        _ => Vec::new(),
    };
    let errors = bridge::last_errors(layout);
    let mappings = outputs
        .event_source_mappings
        .iter()
        .map(|mapping| {
            let lag = lags.iter().find(|lag| lag.mapping == mapping);
            MappingReport {
                function: mapping.function_name.clone(),
                group: mapping.consumer_group.clone(),
                topic: mapping.topic.clone(),
                end: lag.map(MappingLag::end),
                lag: lag.map(MappingLag::total),
                last_error: errors
                    .mappings
                    .get(&(mapping.consumer_group.clone(), mapping.topic.clone()))
                    .cloned(),
                lost: lag.map(MappingLag::lost).unwrap_or_default(),
                open_transactions: lag.map(MappingLag::open_transactions).unwrap_or_default(),
            }
        })
        .collect();
    let depths =
        if parts["emulator"].healthy { queues::all(stack).await.unwrap_or_default() } else { Vec::new() };
    let queues = depths
        .into_iter()
        .map(|depth| QueueReport {
            function: depth.queue.function_name.clone(),
            queue: depth.queue.name.clone(),
            waiting: depth.waiting,
            dead: depth.dead,
            last_error: errors.queues.get(&depth.queue.name).cloned(),
        })
        .collect();
    Report { data_dir: layout.data.display().to_string(), live: stack.live, parts, mappings, queues }
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
