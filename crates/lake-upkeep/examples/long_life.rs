//! Simulates the life of a table: writers append while upkeep runs. Then measures what an append costs on an old table.
//!
//!     long_life run 100000 4 s3://bucket/table            # 100,000 appends by 4 writers, upkeep in a loop beside them
//!     long_life compare 300 s3://bucket/old s3://bucket/young   # 300 appends to each, in turns
//!
//! Row `n` of writer `w` is stored once, for each `w` and for `n` from 0 to ten times the writer's appends. `run`
//! prints the result as one JSON object. It fails if an append fails, which must not happen.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a command for a person and for a test")]

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant as Clock},
};

use arrow_array::{Int32Array, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use chrono::Utc;
use lake::{
    AppVersions, Append, Compaction, FileEncoder, LakeError, PartitionFile, Plan, Snapshot, Table,
    TableSchema,
};
use lake_upkeep::Keeper;
use s3::{Client, S3Location};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinSet, time::Instant};

type Failure = Box<dyn Error + Send + Sync>;

/// The number of rows in an append.
const ROWS: i64 = 10;
/// How long the log and removed files are kept. That is far longer than an append takes; in production it is days.
const RETENTION: Duration = Duration::from_mins(3);
/// A small target size, so that packed files appear during the run.
const TARGET: u64 = 1 << 20;
/// The number of commits after which a checkpoint is written.
const CHECKPOINT_COMMITS: u64 = 100;

fn deadline() -> Instant {
    Instant::now() + Duration::from_mins(5)
}

/// The columns `w` (the writer) and `n` (the row's number), partitioned by `kind`.
fn schema() -> Result<TableSchema, LakeError> {
    let fields = vec![Field::new("w", DataType::Int32, false), Field::new("n", DataType::Int64, false)];
    TableSchema::new(Arc::new(Schema::new(fields)), vec!["kind".to_owned()])
}

/// The next rows of one writer.
struct Next {
    writer: i32,
    schema: TableSchema,
}

impl Append for Next {
    /// The number of the first row.
    type Accepted = i64;
    type Error = LakeError;

    fn plan(&mut self, apps: &AppVersions) -> Result<Option<Plan<i64>>, LakeError> {
        let app = format!("headwater/long-life/{}", self.writer);
        let first = apps.get(&app).unwrap_or(0);
        Ok(Some(Plan { accepted: first, app_versions: vec![(app, first + ROWS)] }))
    }

    fn files(&mut self, first: &i64) -> impl Iterator<Item = Result<PartitionFile, LakeError>> + Send {
        let numbers: Int64Array = (*first..first + ROWS).collect();
        let writers = Int32Array::from(vec![self.writer; numbers.len()]);
        let batch =
            RecordBatch::try_new(self.schema.arrow().clone(), vec![Arc::new(writers), Arc::new(numbers)]);
        let kind = ["raw", "late", "odd/é"][usize::try_from(first / ROWS % 3).unwrap_or(0)];
        let failed = |e: arrow_schema::ArrowError| LakeError::Parquet {
            context: "a batch".to_owned(),
            source: e.into(),
        };
        let encoder = FileEncoder::new(&self.schema);
        let encode = move |batch: RecordBatch| encoder.encode(vec![Some(kind.to_owned())], &batch);
        std::iter::once(batch.map_err(failed).and_then(encode))
    }
}

/// Makes one append. Returns how long it took, and its version.
async fn append(table: &mut Table, next: &mut Next) -> Result<(Duration, i64), LakeError> {
    let begun = Clock::now();
    let done = table.append(next, deadline()).await?;
    Ok((begun.elapsed(), done.version.unwrap_or(-1)))
}

async fn client() -> Client {
    s3::client(&settings::sdk_config().await)
}

/// The median in milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

/// The result of upkeep, over all its rounds.
#[derive(Default)]
struct Upkeep {
    rounds: u64,
    checkpoints: u64,
    compactions: usize,
    /// How often a compaction lost a commit race and tried again.
    lost_races: u32,
    /// The number of groups that were left to a later round after such races.
    given_up: usize,
    files_joined: usize,
    log_files_deleted: u64,
    data_files_deleted: u64,
    /// The largest number of active files at the start of a round.
    most_files: usize,
}

impl Upkeep {
    /// One round of upkeep: a checkpoint if one is due, a compaction, a log cleanup and a vacuum.
    async fn round(&mut self, client: &Client, location: &S3Location) -> Result<(), LakeError> {
        let keeper = Keeper::new(client.clone(), location.clone()).keep_removed(RETENTION);
        match keeper.checkpoint(CHECKPOINT_COMMITS, deadline()).await {
            // There is no table before the first append.
            Err(LakeError::NoTable { .. }) => return Ok(()),
            done => self.checkpoints += u64::from(done?.made),
        }
        let snapshot = Snapshot::read(client.clone(), location.clone(), deadline()).await?;
        let Some(snapshot) = snapshot else { return Ok(()) };
        self.most_files = self.most_files.max(snapshot.files().len());
        let compaction = Compaction {
            target_bytes: TARGET,
            min_files: 8,
            event_time: Some("n".to_owned()),
            deadline: deadline(),
        };
        let done = compaction.run(&snapshot).await?;
        self.compactions += done.versions.len();
        self.lost_races += done.lost;
        self.given_up += done.given_up.len();
        self.files_joined += done.files_removed;
        if let Some(fault) = done.fault {
            return Err(fault);
        }
        self.log_files_deleted += keeper.clean_log(RETENTION, false, Utc::now(), deadline()).await?.files;
        let vacuum = keeper.vacuum(RETENTION, RETENTION, false, Utc::now(), deadline());
        self.data_files_deleted += vacuum.await?.files;
        self.rounds += 1;
        Ok(())
    }

    /// Runs rounds until the writers have ended, and one more after that.
    async fn until(
        mut self,
        ended: watch::Receiver<bool>,
        client: Client,
        location: S3Location,
    ) -> Result<Self, LakeError> {
        while !*ended.borrow() {
            self.round(&client, &location).await?;
        }
        self.round(&client, &location).await?;
        // Writers can be so fast that few rounds find 100 new commits. So the table gets a last checkpoint of
        // its newest version.
        let keeper = Keeper::new(client, location).keep_removed(RETENTION);
        self.checkpoints += u64::from(keeper.checkpoint(1, deadline()).await?.made);
        Ok(self)
    }
}

/// Runs the writers and the upkeep, and returns the results as JSON. Times are in milliseconds.
async fn run(appends: i64, writers: i32, location: S3Location) -> Result<Value, Failure> {
    let (end, ended) = watch::channel(false);
    let upkeep = tokio::spawn(Upkeep::default().until(ended, client().await, location.clone()));
    let begun = Clock::now();
    let mut tasks = JoinSet::new();
    for writer in 0..writers {
        let mut table = Table::new(client().await, location.clone(), schema()?);
        let mut next = Next { writer, schema: schema()? };
        let share = appends / i64::from(writers);
        tasks.spawn(async move {
            let mut times = Vec::new();
            for done in 0..share {
                times.push(append(&mut table, &mut next).await?);
                if writer == 0 && done % 1000 == 999 {
                    eprintln!("{} of {share} appends of each writer, {:?}", done + 1, begun.elapsed());
                }
            }
            Ok::<_, LakeError>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let _ = end.send(true);
    let upkeep = upkeep.await??;
    let stats = Keeper::new(client().await, location).stats(TARGET, deadline()).await?;
    times.sort_unstable_by_key(|(_, version)| *version);
    let early = times.iter().skip(10).take(500).map(|(time, _)| *time).collect();
    let late = times.iter().rev().take(500).map(|(time, _)| *time).collect();
    Ok(json!({
        "appends": times.len(), "seconds": seconds,
        "p50_ms_first": median(early), "p50_ms_last": median(late),
        "upkeep_rounds": upkeep.rounds, "checkpoints": upkeep.checkpoints,
        "compactions": upkeep.compactions, "compactions_that_lost_a_race": upkeep.lost_races,
        "compactions_given_up": upkeep.given_up, "files_joined": upkeep.files_joined,
        "log_files_deleted": upkeep.log_files_deleted, "data_files_deleted": upkeep.data_files_deleted,
        "version": stats.version, "checkpoint": stats.checkpoint,
        "most_files": upkeep.most_files, "files": stats.files, "log_files": stats.log_files,
    }))
}

/// Appends to both tables in turns, so that other work on the machine slows both down equally. A cold append is the
/// first one of a writer.
async fn compare(appends: usize, old: S3Location, young: S3Location) -> Result<Value, Failure> {
    let mut next = Next { writer: 1_000, schema: schema()? };
    let (mut warm, mut cold) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    let mut versions = [0, 0];
    let client = client().await;
    let open =
        |location: &S3Location| Ok::<_, LakeError>(Table::new(client.clone(), location.clone(), schema()?));
    let mut tables = [open(&old)?, open(&young)?];
    for _ in 0..10 {
        append(&mut tables[1], &mut next).await?;
    }
    append(&mut tables[0], &mut next).await?;
    for _ in 0..appends {
        for (at, location) in [&old, &young].into_iter().enumerate() {
            warm[at].push(append(&mut tables[at], &mut next).await?.0);
            let mut table = open(location)?;
            let (time, version) = append(&mut table, &mut next).await?;
            cold[at].push(time);
            versions[at] = version;
            // The commit of the other writer is read first, so that the measured append has no competitor.
            tables[at] = table;
        }
    }
    let [old_warm, young_warm] = warm.map(median);
    let [old_cold, young_cold] = cold.map(median);
    Ok(json!({
        "versions": versions,
        "warm_p50_ms": [old_warm, young_warm], "warm_ratio": old_warm / young_warm,
        "cold_p50_ms": [old_cold, young_cold], "cold_ratio": old_cold / young_cold,
    }))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let found = match arguments.as_slice() {
        ["run", appends, writers, location] => {
            run(appends.parse()?, writers.parse()?, location.parse()?).await?
        }
        ["compare", appends, old, young] => compare(appends.parse()?, old.parse()?, young.parse()?).await?,
        _ => {
            return Err("usage: long_life run APPENDS WRITERS s3://bucket/table \
                        | compare APPENDS s3://bucket/old s3://bucket/young"
                .into());
        }
    };
    println!("{found}");
    Ok(())
}
