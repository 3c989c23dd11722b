//! `headwater pipeline`: writes a pipeline file from a sample, checks pipeline files, and shows the result of one.

mod new;
mod topic_sample;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use pipeline::{OnRepeat, Pipeline, PipelineError, Pipelines, Sink, UpkeepSection};

use crate::{failure::failure, out, stack::layout::Layout};

/// Arguments of `headwater pipeline`.
#[derive(Debug, Args)]
pub(crate) struct PipelineArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write a pipeline file from a sample of records
    New(new::New),
    /// Check pipeline files, and print each problem with its line
    #[command(after_help = "\
Examples:
  headwater pipeline check
  headwater pipeline check pipelines/rooms-v1.yaml")]
    Check {
        /// Files, or folders of files [default: the folder pipelines of the checkout]
        files: Vec<PathBuf>,
    },
    /// Show the mappings, columns and tables of a pipeline
    #[command(after_help = "\
Examples:
  headwater pipeline show rooms-v1
  headwater pipeline show pipelines/rooms-v1.yaml --json")]
    Show {
        /// A topic or a pipeline file
        pipeline: String,
        /// Print the whole pipeline with its defaults as one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Runs the action.
pub(crate) async fn run(layout: &Layout, args: &PipelineArgs) -> anyhow::Result<()> {
    match &args.action {
        Action::New(args) => Box::pin(new::run(layout, args)).await,
        Action::Check { files } if files.is_empty() => check(&[layout.checkout.join("pipelines")]),
        Action::Check { files } => check(files),
        Action::Show { pipeline, json } => show(layout, pipeline, *json),
    }
}

/// Checks the pipeline files of a folder together. Returns their number.
///
/// # Errors
/// A failure that names every problem with its file and line.
pub(crate) fn check_folder(folder: &Path) -> anyhow::Result<usize> {
    Ok(Pipelines::from_folder(folder).map_err(|error| explained(&error))?.iter().count())
}

/// Checks each folder as one deployment, and the files that are named individually as another one. Two pipelines
/// of the same deployment must not have the same topic or table.
fn check(paths: &[PathBuf]) -> anyhow::Result<()> {
    let (folders, mut files): (Vec<_>, Vec<_>) = paths.iter().cloned().partition(|path| path.is_dir());
    files.sort();
    files.dedup();
    let alone = (!files.is_empty()).then(|| Pipelines::from_files(&files));
    let mut count = 0;
    let mut problems = Vec::new();
    for checked in folders.iter().map(|folder| Pipelines::from_folder(folder)).chain(alone) {
        match checked {
            Ok(found) => count += found.iter().count(),
            Err(error) => problems.push(explained(&error).to_string()),
        }
    }
    if !problems.is_empty() {
        return Err(failure(problems.join("\n"), "correct the lines named above"));
    }
    out::line(format!("valid: {count} pipeline file{}", if count == 1 { "" } else { "s" }));
    Ok(())
}

/// Prints a pipeline. `name` is a file if there is such a file, otherwise a topic of the checkout's pipelines.
fn show(layout: &Layout, name: &str, json: bool) -> anyhow::Result<()> {
    let file = PathBuf::from(name);
    let pipeline = if file.is_file() {
        Pipeline::from_file(&file).map_err(|error| explained(&error))?
    } else {
        let all =
            Pipelines::from_folder(&layout.checkout.join("pipelines")).map_err(|error| explained(&error))?;
        let known: Vec<&str> = all.iter().map(|pipeline| pipeline.topic.name.as_str()).collect();
        let unknown = || {
            failure(
                format!("no pipeline file describes the topic {name}"),
                format!("choose one of {}", known.join(", ")),
            )
        };
        all.of_topic(name).cloned().ok_or_else(unknown)?
    };
    if json {
        return out::json(&pipeline);
    }
    for line in summary(&pipeline)? {
        out::line(line);
    }
    Ok(())
}

/// The lines that describe the topic, its fields, mappings and tables.
fn summary(pipeline: &Pipeline) -> anyhow::Result<Vec<String>> {
    let (topic, batching) = (&pipeline.topic, &pipeline.batching);
    let mut lines = vec![format!(
        "topic     {}: {} partitions, kept {} hours",
        topic.name, topic.partitions, topic.retention_hours
    )];
    for field in &pipeline.fields {
        let kind = serde_json::to_value(field)?["type"].take();
        let nullable = if field.nullable { ", may be null" } else { "" };
        lines.push(format!("field     {}: {}{nullable}", field.name, kind.as_str().unwrap_or("?")));
    }
    let mapping = |sink: Sink, group: &str| {
        format!(
            "mapping   {} as group {group}: up to {} records or {} s a batch",
            sink.function(),
            batching.batch_size,
            batching.window_seconds
        )
    };
    if let Some(lake) = &pipeline.lake {
        let columns: Vec<&str> = lake.partition_by.iter().map(|column| column.name.as_str()).collect();
        lines.push(mapping(Sink::Lake, &lake.consumer_group));
        lines.push(format!("lake      {} by {}", lake.path, columns.join("/")));
        lines.push(format!("upkeep    {}", upkeep(&lake.upkeep)));
    }
    if let Some(totals) = &pipeline.totals {
        let (table, sum, total) = (&totals.table, &totals.sum, &totals.total_column);
        lines.push(mapping(Sink::Totals, &totals.consumer_group));
        lines.push(format!("totals    {table}: {total} = sum of {sum} by {}", totals.key.join(", ")));
    }
    if let Some(table) = &pipeline.table {
        lines.push(mapping(Sink::Table, &table.consumer_group));
        let rows = match (table.key.as_slice(), table.on_repeat) {
            ([], _) => "a row for each record".to_owned(),
            (key, OnRepeat::KeepFirst) => format!("the first of each ({})", key.join(", ")),
            (key, OnRepeat::ReplaceByNewest) => format!("the newest of each ({})", key.join(", ")),
        };
        let kept = table.retention_days.map(|days| format!(", kept {days} days")).unwrap_or_default();
        lines.push(format!("table     {}: {rows}{kept}", table.name));
    }
    Ok(lines)
}

/// The upkeep of the Delta table in one line.
fn upkeep(upkeep: &UpkeepSection) -> String {
    if !upkeep.enabled {
        return "off".to_owned();
    }
    format!(
        "checkpoint every {} commits, {} small files merged into files of up to {} MiB, old files kept {} hours, history {} hours",
        upkeep.checkpoint_commits,
        upkeep.min_files,
        upkeep.target_file_bytes >> 20,
        upkeep.retention_hours,
        upkeep.log_retention_hours
    )
}

/// The problems of pipeline files as a failure with a fix.
fn explained(error: &PipelineError) -> anyhow::Error {
    failure(error.to_string(), "correct the pipeline file; pipelines/rooms-v1.yaml explains every setting")
}
