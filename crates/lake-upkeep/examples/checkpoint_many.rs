//! Measures the time and the memory that a checkpoint needs.
//!
//!     checkpoint_many 20000 s3://bucket/table   # a log of 20,000 files in 20 commits, then two checkpoints of it
//!
//! The first checkpoint is made from commits only. The second one is made from the first checkpoint and one commit.
#![allow(clippy::print_stdout, reason = "it is a command for a person")]

use std::{error::Error, fs, time::Duration};

use lake_upkeep::Keeper;
use s3::{ObjectStore, S3Location};
use serde_json::json;
use tokio::time::Instant;

/// The number of commits over which the files are spread.
const COMMITS: usize = 20;

fn deadline() -> Instant {
    Instant::now() + Duration::from_mins(14)
}

/// The lines of the first commit: protocol and metadata.
fn definitions() -> String {
    let field =
        |name: &str, kind: &str| json!({"name": name, "type": kind, "nullable": true, "metadata": {}});
    let fields = [
        field("ts", "timestamp"),
        field("room", "string"),
        field("count", "long"),
        field("_offset", "long"),
        field("dy", "string"),
    ];
    let schema = json!({"type": "struct", "fields": fields}).to_string();
    let protocol = json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}});
    let metadata = json!({"metaData": {"id": "m", "format": {"provider": "parquet", "options": {}}, "schemaString": schema,
        "partitionColumns": ["dy"], "configuration": {}, "createdTime": 1}});
    format!("{protocol}\n{metadata}\n")
}

/// The line that adds a file, with the statistics that parquet-writer writes.
fn add(number: usize) -> String {
    let bound = |offset: usize| json!({"ts": "2026-11-25T23:00:05.123Z", "room": "kitchen", "count": 17, "_offset": offset});
    let stats = json!({"numRecords": 2700, "minValues": bound(number * 2700), "maxValues": bound(number * 2700 + 2699),
        "nullCount": {"ts": 0, "room": 0, "count": 0, "_offset": 0}});
    let path = format!("dy={:02}/data-{number:08}-4056-49b8-937b-95f9e3ee90e5.parquet", number % 30);
    let add = json!({"add": {"path": path, "partitionValues": {"dy": format!("{:02}", number % 30)}, "size": 21_000,
        "modificationTime": 1_795_209_862_123_i64, "dataChange": true, "stats": stats.to_string()}});
    format!("{add}\n")
}

/// The peak memory of the process since the last call, in MB.
fn peak() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    fs::write("/proc/self/clear_refs", "5")?;
    Ok(kilobytes / 1024)
}

/// Makes a checkpoint, and prints its duration and the peak memory.
async fn checkpoint(keeper: &Keeper) -> Result<(), Box<dyn Error>> {
    let before = peak()?.min(peak()?);
    let started = Instant::now();
    let done = keeper.checkpoint(1, deadline()).await?;
    println!("{:?} {before} MB before, {} MB at most, {done:?}", started.elapsed(), peak()?);
    Ok(())
}

/// Writes the log, and makes both checkpoints.
async fn measure(files: usize, location: S3Location) -> Result<(), Box<dyn Error>> {
    let client = s3::client(&settings::sdk_config().await);
    let store = ObjectStore::new(client.clone(), location.clone());
    let commit = |version: usize| format!("_delta_log/{version:020}.json");
    for version in 0..COMMITS {
        let mut body = if version == 0 { definitions() } else { String::new() };
        body.extend((version * files / COMMITS..(version + 1) * files / COMMITS).map(add));
        store.put(&commit(version), body.into(), deadline()).await?;
    }
    let keeper = Keeper::new(client, location);
    checkpoint(&keeper).await?;
    store.put(&commit(COMMITS), add(files).into(), deadline()).await?;
    checkpoint(&keeper).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [files, location] => measure(files.parse()?, location.parse()?).await,
        _ => Err("usage: checkpoint_many FILES s3://bucket/table".into()),
    }
}
