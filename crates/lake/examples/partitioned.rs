//! Writes and reads tables with one partition column for `tests/readers`, which compares the result with independent
//! readers. The columns are `n` (long) and the partition column `room`.
//!
//!     echo '[{"room": "a/b", "numbers": [1, 2]}, {"room": null, "numbers": [3]}]' | partitioned append s3://bucket/table
//!     partitioned scan s3://bucket/table     # [["a/b", 1], ["a/b", 2], [null, 3]]
//!     partitioned compact s3://bucket/table  # puts all files of a room together, sorted by n
//!
//! An append makes one commit, with one file per entry of the list. The table's app id `headwater/readers` counts the
//! appends.
#![allow(clippy::print_stdout, reason = "it is a command for a test")]

use std::{error::Error, io::Read as _, sync::Arc, time::Duration};

use arrow_array::{Array as _, Int64Array, RecordBatch, StringArray, cast::AsArray as _, types::Int64Type};
use arrow_schema::{DataType, Field, Schema};
use futures::TryStreamExt as _;
use lake::{
    AppVersions, Append, Compaction, FileEncoder, LakeError, PartitionFile, Plan, Snapshot, Table,
    TableSchema,
};
use s3::{Client, S3Location};
use serde::Deserialize;
use tokio::time::Instant;

const APPENDS: &str = "headwater/readers";

#[derive(Deserialize)]
struct Rows {
    room: Option<String>,
    numbers: Vec<i64>,
}

struct Files {
    schema: TableSchema,
    rows: Vec<Rows>,
}

impl Append for Files {
    type Accepted = ();
    type Error = LakeError;

    fn plan(&mut self, apps: &AppVersions) -> Result<Option<Plan<()>>, LakeError> {
        let next = apps.get(APPENDS).unwrap_or(0) + 1;
        Ok(Some(Plan { accepted: (), app_versions: vec![(APPENDS.to_owned(), next)] }))
    }

    fn files(&mut self, (): &()) -> impl Iterator<Item = Result<PartitionFile, LakeError>> + Send {
        let Self { schema, rows } = &*self;
        let encoder = FileEncoder::new(schema);
        rows.iter().map(move |rows| {
            let numbers = Arc::new(Int64Array::from(rows.numbers.clone()));
            let batch = RecordBatch::try_new(Arc::clone(schema.arrow()), vec![numbers]);
            let batch = batch.map_err(|source| LakeError::Parquet {
                context: "making a batch".to_owned(),
                source: source.into(),
            })?;
            encoder.encode(vec![rows.room.clone()], &batch)
        })
    }
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_mins(2)
}

async fn append(client: Client, location: S3Location) -> Result<(), Box<dyn Error>> {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input)?;
    let fields = Schema::new(vec![Field::new("n", DataType::Int64, false)]);
    let schema = TableSchema::new(Arc::new(fields), vec!["room".to_owned()])?;
    let mut table = Table::new(client, location, schema.clone());
    let rows = serde_json::from_str(&input)?;
    println!("{:?}", table.append(&mut Files { schema, rows }, deadline()).await?);
    Ok(())
}

async fn scan(client: Client, location: S3Location) -> Result<(), Box<dyn Error>> {
    let snapshot = Snapshot::read(client, location, deadline()).await?.ok_or("there is no table")?;
    let columns = ["room", "n"];
    let files: Vec<_> = snapshot.scan(&columns, deadline()).try_collect().await?;
    let mut rows: Vec<(Option<&str>, i64)> = Vec::new();
    for batch in files.iter().flat_map(|(_, batches)| batches) {
        let rooms: &StringArray = batch.column(0).as_string();
        let numbers = batch.column(1).as_primitive::<Int64Type>().values();
        let room = |row| rooms.is_valid(row).then(|| rooms.value(row));
        rows.extend(numbers.iter().enumerate().map(|(row, number)| (room(row), *number)));
    }
    println!("{}", serde_json::to_string(&rows)?);
    Ok(())
}

async fn compact(client: Client, location: S3Location) -> Result<(), Box<dyn Error>> {
    let snapshot = Snapshot::read(client, location, deadline()).await?.ok_or("there is no table")?;
    let compaction = Compaction {
        target_bytes: 64 << 20,
        min_files: 2,
        event_time: Some("n".to_owned()),
        deadline: deadline(),
    };
    let done = compaction.run(&snapshot).await?;
    println!("{done:?}");
    done.fault.map_or(Ok(()), |fault| Err(fault.into()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let client = s3::client(&settings::sdk_config().await);
    match arguments.as_slice() {
        [verb, location] if verb == "append" => append(client, location.parse()?).await,
        [verb, location] if verb == "scan" => scan(client, location.parse()?).await,
        [verb, location] if verb == "compact" => compact(client, location.parse()?).await,
        _ => Err("usage: partitioned append|scan|compact s3://bucket/table".into()),
    }
}
