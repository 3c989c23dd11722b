//! Reads what the functions wrote: the lake's rows, the totals, and the parked records.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use dead_letters::{DeadLetters, Source, newest_by_source};
use futures::StreamExt;
use lake::Snapshot;
use s3::{Client, S3Location};
use tokio::time::Instant;

use crate::parts::Parts;

/// A row of the lake, as the partition and offset of its record.
pub type Row = (i32, i64);

/// Reads what the functions wrote.
pub struct Sinks {
    parts: Parts,
    client: Client,
    database: tokio_postgres::Client,
}

/// Deadline of a request.
fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

impl Sinks {
    /// Connects to the stack. The S3 client goes to the stack directly, also if the parts name a proxy.
    pub async fn open(parts: &Parts) -> Self {
        let client = s3::client(&settings::sdk_config().await);
        let (database, connection) =
            tokio_postgres::connect(&parts.database_url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        Self { parts: parts.clone(), client, database }
    }

    /// The S3 client.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The current snapshot of the table at `path` below this test's root. `None` if the table does not exist.
    pub async fn snapshot(&self, path: &str) -> Option<Snapshot> {
        let location: S3Location = self.parts.lake_root.join(path);
        Snapshot::read(self.client.clone(), location, soon()).await.unwrap()
    }

    /// The rows of the rooms table, sorted. A record that is stored twice appears twice. Empty if there is no table.
    pub async fn rows(&self) -> Vec<Row> {
        let Some(snapshot) = self.snapshot("env=dv/source=rooms/subsrc=midgar").await else {
            return Vec::new();
        };
        let mut rows = Vec::new();
        let mut files = pin!(snapshot.scan(&["_partition", "_offset"], soon()));
        while let Some(file) = files.next().await {
            for batch in file.unwrap().1 {
                let partitions = batch.column(0).as_primitive::<Int32Type>();
                let offsets = batch.column(1).as_primitive::<Int64Type>();
                rows.extend(partitions.values().iter().copied().zip(offsets.values().iter().copied()));
            }
        }
        rows.sort_unstable();
        rows
    }

    /// The total of each room, from this test's totals table.
    pub async fn totals(&self) -> BTreeMap<String, i64> {
        let sql = format!("SELECT room, total_count FROM {}", self.parts.totals_table());
        let rows = self.database.query(&sql, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// The first column of each row of a query. It must be a text.
    pub async fn query_text(&self, sql: &str) -> Vec<String> {
        let rows = self.database.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Offset and reason of the records that a lane parked. If a record was parked several times, only the newest
    /// counts.
    pub async fn parked(&self, lane: &str) -> Vec<(i64, String)> {
        let letters = DeadLetters::new(self.client(), self.parts.parked_root.clone());
        let objects = letters.objects(Some(lane), soon()).await.unwrap();
        let records = objects.into_iter().flat_map(|object| object.records).map(Result::unwrap);
        let offset = |source: &Source| if let Source::Kafka { offset, .. } = source { *offset } else { -1 };
        newest_by_source(records)
            .iter()
            .map(|letter| (offset(&letter.source), letter.reason.clone()))
            .collect()
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &tokio_postgres::Client {
        &self.database
    }
}
