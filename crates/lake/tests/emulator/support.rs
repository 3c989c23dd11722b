//! Test support: a bucket for all tests, a location for each test, and a small writer.

use std::{ops::Range, sync::Arc, time::Duration};

use arrow_array::{
    Int32Array, Int64Array, RecordBatch,
    cast::AsArray,
    types::{Int32Type, Int64Type},
};
use arrow_schema::{DataType, Field, Schema};
use aws_sdk_s3::{
    Client,
    config::{Credentials, Region, SharedCredentialsProvider},
};
use futures::TryStreamExt;
use lake::{AppVersions, Append, FileEncoder, LakeError, PartitionFile, Plan, Snapshot, Table, TableSchema};
use s3::S3Location;
use tokio::time::Instant;

pub(crate) const BUCKET: &str = "lake-tests";

/// A deadline that is far enough for a busy machine.
pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

pub(crate) fn endpoint() -> String {
    std::env::var("AWS_ENDPOINT_URL").expect(
        "AWS_ENDPOINT_URL is not set: these tests need a running S3 emulator; scripts/test starts one and sets it",
    )
}

/// A client for the emulator, or for a proxy before it.
pub(crate) async fn client_of(endpoint: &str) -> Client {
    let credentials = SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "tests"));
    let config = settings::sdk_loader().endpoint_url(endpoint);
    let config = config.region(Region::new("us-east-1")).credentials_provider(credentials);
    s3::client(&config.load().await)
}

pub(crate) async fn client() -> Client {
    let client = client_of(&endpoint()).await;
    // Another test may have created the bucket.
    let _ = client.create_bucket().bucket(BUCKET).send().await;
    client
}

/// A new location for one test.
pub(crate) fn location(test: &str) -> S3Location {
    format!("s3://{BUCKET}/{test}-{}", uuid::Uuid::new_v4()).parse().unwrap()
}

pub(crate) fn columns(fields: Vec<Field>) -> TableSchema {
    TableSchema::new(Arc::new(Schema::new(fields)), vec!["kind".to_owned()]).unwrap()
}

pub(crate) fn schema() -> TableSchema {
    columns(vec![
        Field::new("_partition", DataType::Int32, false),
        Field::new("_offset", DataType::Int64, false),
    ])
}

pub(crate) fn table(client: &Client, location: &S3Location) -> Table {
    Table::new(client.clone(), location.clone(), schema())
}

/// A writer of offsets of one partition. It stores those at or after the committed position.
pub(crate) struct Offsets {
    partition: i32,
    range: Range<i64>,
    pub(crate) planned: u32,
    pub(crate) encoded: u32,
}

impl Offsets {
    pub(crate) fn new(partition: i32, offsets: Range<i64>) -> Self {
        Self { partition, range: offsets, planned: 0, encoded: 0 }
    }
}

pub(crate) fn app_id(partition: i32) -> String {
    format!("headwater/tests/topic/{partition}")
}

impl Append for Offsets {
    type Accepted = Range<i64>;
    type Error = LakeError;

    fn plan(&mut self, apps: &AppVersions) -> Result<Option<Plan<Range<i64>>>, LakeError> {
        self.planned += 1;
        let next = apps.get(&app_id(self.partition)).unwrap_or(0);
        let accepted = self.range.start.max(next)..self.range.end;
        let app_versions = vec![(app_id(self.partition), accepted.end)];
        Ok((!accepted.is_empty()).then_some(Plan { accepted, app_versions }))
    }

    fn files(
        &mut self,
        accepted: &Range<i64>,
    ) -> impl Iterator<Item = Result<PartitionFile, LakeError>> + Send {
        self.encoded += 1;
        let offsets: Int64Array = accepted.clone().collect();
        let partitions = Int32Array::from(vec![self.partition; offsets.len()]);
        let schema = schema();
        let batch =
            RecordBatch::try_new(schema.arrow().clone(), vec![Arc::new(partitions), Arc::new(offsets)]);
        std::iter::once(FileEncoder::new(&schema).encode(vec![Some("raw".to_owned())], &batch.unwrap()))
    }
}

pub(crate) async fn snapshot(client: &Client, location: &S3Location) -> Snapshot {
    Snapshot::read(client.clone(), location.clone(), soon()).await.unwrap().expect("a table")
}

/// All stored rows as `(partition, offset)`, sorted.
pub(crate) async fn stored(snapshot: &Snapshot) -> Vec<(i32, i64)> {
    let mut found = in_file_order(snapshot).await;
    found.sort_unstable();
    found
}

/// All stored rows as `(partition, offset)`, in the order of the files.
pub(crate) async fn in_file_order(snapshot: &Snapshot) -> Vec<(i32, i64)> {
    let scanned = snapshot.scan(&["_partition", "_offset"], soon());
    let batches: Vec<_> = scanned.map_ok(|(_, batches)| batches).try_collect().await.unwrap();
    let mut found = Vec::new();
    for batch in batches.into_iter().flatten() {
        let partitions = batch.column(0).as_primitive::<Int32Type>().values();
        let offsets = batch.column(1).as_primitive::<Int64Type>().values();
        found.extend(partitions.iter().copied().zip(offsets.iter().copied()));
    }
    found
}

/// The rows that must be stored after `offsets` of `partitions`, each once.
pub(crate) fn each_once(partitions: Range<i32>, offsets: Range<i64>) -> Vec<(i32, i64)> {
    partitions.flat_map(|p| offsets.clone().map(move |o| (p, o))).collect()
}
