//! `headwater pipeline new`: writes a pipeline file from a sample of records.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use pipeline::{PipelineError, Pipelines};

use super::topic_sample;
use crate::{
    draft::{Wanted, draft, from_text},
    failure::failure,
    out,
    stack::layout::Layout,
};

/// The largest sample in bytes. The whole sample is held in memory.
const MOST_BYTES: u64 = 256 << 20;

/// The default number of partitions for a topic that does not exist yet.
const PARTITIONS: u32 = 4;

/// Arguments of `headwater pipeline new`.
#[derive(Debug, Args)]
#[command(after_help = "\
Reads a sample of records and writes a pipeline file. The file has a type for each field, a `lake` section, and sections for
Postgres in comments. Comments describe the values that the sample has, but no value is copied into the file. The command
writes the file only if every JSON object of the sample decodes with it.

A sample file holds JSON lines or one JSON array. --from-topic reads the oldest and the newest records of the topic, from the
local stack, from the stack of --stack, or from the brokers of --bootstrap-servers.

Examples:
  headwater pipeline new coffee-v1 --from sample.jsonl
  zcat sample.jsonl.gz | head -n 5000 | headwater pipeline new coffee-v1 --from -
  headwater pipeline new coffee-v1 --from-topic --bootstrap-servers localhost:9092
  headwater pipeline new coffee-v1 --from sample.jsonl --event-time brewed_at --output -")]
pub(crate) struct New {
    /// The topic
    topic: String,
    /// Read the sample from this file; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "from_topic", required_unless_present = "from_topic")]
    from: Option<PathBuf>,
    /// Read the sample from the topic itself
    #[arg(long)]
    from_topic: bool,
    /// The largest number of records that --from-topic reads
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000), conflicts_with = "from")]
    records: u32,
    /// Brokers of --from-topic, without authentication: host:port, comma-separated [default: those of the stack]
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "from")]
    bootstrap_servers: Option<String>,
    /// The timestamp field with the event time, as a dotted path [default: guessed, and printed]
    #[arg(long, value_name = "FIELD")]
    event_time: Option<String>,
    /// Write the pipeline file here; `-` prints it [default: pipelines/TOPIC.yaml in the checkout]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite an existing file
    #[arg(long)]
    force: bool,
}

/// Drafts the pipeline file and writes or prints it. The notes of the draft go to standard error.
///
/// # Errors
/// A failure with a fix if an argument is wrong, if the file exists, if the sample cannot be read, if no file can be
/// drafted from it, or if the file conflicts with another one in its folder.
pub(crate) async fn run(layout: &Layout, args: &New) -> anyhow::Result<()> {
    require_name(&args.topic)?;
    let prints = args.output.as_deref() == Some(Path::new("-"));
    let path = args
        .output
        .clone()
        .unwrap_or_else(|| layout.checkout.join("pipelines").join(format!("{}.yaml", args.topic)));
    if !prints {
        require_place(&path, args.force)?;
    }
    let (sample, partitions) = match &args.from {
        Some(file) => (from_text(&read(file)?)?, PARTITIONS),
        None => topic_sample::read(layout, args).await?,
    };
    let event_time = args.event_time.as_deref();
    let drafted = draft(Wanted { topic: &args.topic, partitions, event_time }, &sample)?;
    for note in &drafted.notes {
        out::note(note);
    }
    out::note(format!("{0} of {0} records decode with the file", drafted.records));
    if prints {
        out::line(drafted.yaml.trim_end());
        return Ok(());
    }
    require_peace(&path, &drafted.yaml)?;
    let written =
        path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, &drafted.yaml));
    written.map_err(|error| {
        failure(format!("cannot write {}: {error}", path.display()), "name another file with --output")
    })?;
    out::line(format!("written: {}", path.display()));
    out::note("next: read it, then `headwater up`");
    Ok(())
}

impl New {
    /// The topic of the new file.
    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// The largest number of records to read from the topic.
    pub(super) fn records(&self) -> u32 {
        self.records
    }

    /// The brokers to read from. `None` means those of the stack.
    pub(super) fn bootstrap_servers(&self) -> Option<&str> {
        self.bootstrap_servers.as_deref()
    }
}

/// Checks the topic's name before anything else, because it becomes part of a path. Kafka allows up to 249 letters,
/// digits, `.`, `_` and `-`; names that begin with `__` are internal topics.
fn require_name(topic: &str) -> anyhow::Result<()> {
    let is_kafka = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let reserved = topic.replace('.', "_").starts_with("__");
    if (2..=249).contains(&topic.len()) && topic.chars().all(is_kafka) && !topic.starts_with('.') && !reserved
    {
        return Ok(());
    }
    Err(failure(
        format!("`{}` is not a valid topic name", topic.escape_debug()),
        "choose 2 to 249 letters, digits, `.`, `_` or `-`, not beginning with `.` or `__`",
    ))
}

/// Checks that a pipeline file can be written to this path: it ends in `.yaml` and, without `force`, does not exist.
fn require_place(path: &Path, force: bool) -> anyhow::Result<()> {
    if path.extension().is_none_or(|extension| extension != "yaml") {
        return Err(failure(
            format!("{} does not end in .yaml, so it would not be read as a pipeline file", path.display()),
            "give --output a name that ends in .yaml, or - to print the file",
        ));
    }
    if path.exists() && !force {
        return Err(failure(
            format!("{} exists", path.display()),
            "name another file with --output, print with --output -, or overwrite it with --force",
        ));
    }
    Ok(())
}

/// Reads the sample; `-` is standard input. Fails if it is larger than [`MOST_BYTES`].
fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = MOST_BYTES + 1;
    let count = if file == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes).context("cannot read standard input")?
    } else {
        let opened = fs::File::open(file).map_err(|error| {
            failure(
                format!("cannot read {}: {error}", file.display()),
                "name a file of JSON lines, or - for standard input",
            )
        })?;
        opened
            .take(limit)
            .read_to_end(&mut bytes)
            .with_context(|| format!("cannot read {}", file.display()))?
    };
    if count as u64 > MOST_BYTES {
        return Err(failure(
            format!("the sample is larger than {} MiB", MOST_BYTES >> 20),
            "give fewer records: head -n 100000 FILE | headwater pipeline new TOPIC --from -",
        ));
    }
    Ok(bytes)
}

/// Fails if the new file conflicts with others in its folder, for example with another file of the same topic. The
/// new file is checked in a temporary folder, so that nothing is written if it conflicts.
fn require_peace(path: &Path, yaml: &str) -> anyhow::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|other| other.extension().is_some_and(|extension| extension == "yaml"))
        .filter(|other| other.file_name() != path.file_name())
        .collect();
    files.sort();
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let draft = scratch.path().join(path.file_name().unwrap_or_default());
    fs::write(&draft, yaml).context("cannot write to the temporary folder")?;
    files.push(draft.clone());
    let Err(PipelineError::Invalid(findings)) = Pipelines::from_files(&files) else { return Ok(()) };
    let draft = draft.display().to_string();
    // Problems that the other files have without the new one are ignored.
    let ours: Vec<String> = findings
        .iter()
        .filter(|finding| finding.name == draft)
        .map(|finding| finding.message.clone())
        .collect();
    if ours.is_empty() {
        return Ok(());
    }
    Err(failure(
        format!("the new file conflicts with another one in {}: {}", folder.display(), ours.join("; ")),
        "choose another topic, write to another folder with --output, or print the file with --output - and merge by hand",
    ))
}
