//! Measures the time and the memory that a compaction needs.
//!
//!     compact_many fill 10000 2700 4 s3://bucket/table   # 10,000 files of 2,700 room counts, from 4 Kafka partitions in turn
//!     compact_many run 64 s3://bucket/table              # compacts to 64 MB
#![allow(clippy::print_stdout, reason = "it is a command for a person")]

use std::{error::Error, sync::Arc, time::Duration};

use arrow_array::{
    Array, ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{Field, Schema};
use lake::{
    AppVersions, Append, Compaction, FileEncoder, LakeError, PartitionFile, Plan, Snapshot, Table,
    TableSchema,
};
use s3::{Client, S3Location};
use tokio::time::Instant;

const FILES_A_COMMIT: usize = 500;

struct Files {
    schema: TableSchema,
    batches: Vec<RecordBatch>,
}

impl Append for Files {
    type Accepted = ();
    type Error = LakeError;

    fn plan(&mut self, _: &AppVersions) -> Result<Option<Plan<()>>, LakeError> {
        Ok(Some(Plan { accepted: (), app_versions: Vec::new() }))
    }

    fn files(&mut self, (): &()) -> impl Iterator<Item = Result<PartitionFile, LakeError>> + Send {
        let encoder = FileEncoder::new(&self.schema);
        self.batches.iter().map(move |batch| encoder.encode(vec![Some("raw".to_owned())], batch))
    }
}

/// Room counts like those of the generator: event times with jitter, three rooms, small counts, consecutive offsets.
fn rooms(rows: i64, partition: i32, first: i64, seed: &mut u64) -> Result<RecordBatch, Box<dyn Error>> {
    let mut random = |below: u64| {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) % below
    };
    let mut at = 1_795_219_200_000_000_i64 + first * 400;
    let (mut times, mut rooms, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rows {
        at += i64::try_from(random(900))?;
        times.push(at);
        rooms.push(["A", "B", "C"][usize::try_from(random(3))?]);
        counts.push(1 + i64::try_from(random(4))?);
    }
    let kafka = times.iter().map(|at| at / 1000 * 1000 + 3000).collect::<Vec<_>>();
    let length = times.len();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("ts", Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"))),
        ("room", Arc::new(StringArray::from(rooms))),
        ("count", Arc::new(Int64Array::from(counts))),
        ("_topic", Arc::new(StringArray::from(vec!["rooms-v1"; length]))),
        ("_partition", Arc::new(Int32Array::from(vec![partition; length]))),
        ("_offset", Arc::new((first..first + rows).collect::<Int64Array>())),
        ("_timestamp", Arc::new(TimestampMicrosecondArray::from(kafka).with_timezone("UTC"))),
    ];
    let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), false);
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    Ok(RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, array)| array).collect())?)
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_mins(14)
}

async fn fill(
    client: Client,
    location: S3Location,
    files: usize,
    rows: i64,
    partitions: i32,
) -> Result<(), Box<dyn Error>> {
    let (mut seed, mut first) = (7, 0);
    let mut partition = (0..partitions).cycle();
    let schema = TableSchema::new(rooms(1, 0, 0, &mut seed)?.schema(), vec!["kind".to_owned()])?;
    let mut table = Table::new(client, location, schema.clone());
    for from in (0..files).step_by(FILES_A_COMMIT) {
        let mut batches = Vec::new();
        for _ in from..files.min(from + FILES_A_COMMIT) {
            let partition = partition.next().ok_or("there must be a partition")?;
            batches.push(rooms(rows, partition, first, &mut seed)?);
            first += if partition + 1 == partitions { rows } else { 0 };
        }
        let done = table.append(&mut Files { schema: schema.clone(), batches }, deadline()).await?;
        println!("{done:?}");
    }
    Ok(())
}

async fn run(client: Client, location: S3Location, megabytes: u64) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let snapshot = Snapshot::read(client, location, deadline()).await?.ok_or("there is no table")?;
    println!("{} files, {:?} rows; read in {:?}", snapshot.files().len(), snapshot.rows(), begun.elapsed());
    let compaction = Compaction {
        target_bytes: megabytes << 20,
        min_files: 8,
        event_time: Some("ts".to_owned()),
        deadline: deadline(),
    };
    let groups: Vec<_> = compaction.plan(&snapshot).iter().map(|g| (g.files.len(), g.bytes())).collect();
    println!("groups (files, bytes): {groups:?}");
    let done = compaction.run(&snapshot).await?;
    println!("{done:?}");
    let memory = std::fs::read_to_string("/proc/self/status")?;
    let peak = memory.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: unknown");
    println!("{:?} in all; peak memory {peak}", begun.elapsed());
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let client = s3::client(&settings::sdk_config().await);
    match arguments.as_slice() {
        [verb, files, rows, partitions, location] if verb == "fill" => {
            let (files, rows, partitions) = (files.parse()?, rows.parse()?, partitions.parse()?);
            fill(client, location.parse()?, files, rows, partitions).await
        }
        [verb, megabytes, location] if verb == "run" => {
            run(client, location.parse()?, megabytes.parse()?).await
        }
        _ => {
            Err("usage: compact_many fill FILES ROWS PARTITIONS s3://bucket/table | run MEGABYTES s3://bucket/table"
                .into())
        }
    }
}
