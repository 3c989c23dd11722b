//! One file out of the files of a group.
//!
//! Decoded rows need far more memory than their file: 60 MB of rooms are 20 million rows, and more than a gigabyte. So the
//! rows of a few files at a time are decoded, ordered and encoded, each time as row groups of their own.

use arrow_array::RecordBatch;
use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream};
use parquet::errors::ParquetError;

use super::{Compaction, GivenUp, Group, order, rows};
use crate::{ActiveFile, FileEncoder, LakeError, PartitionFile, Snapshot, Table, parquet_file::FileWriter};

/// Files that are requested at a time.
const AHEAD: usize = 16;
/// Rows, and bytes of files, from which on what was decoded is written.
const ROWS: usize = 1 << 21;
const BYTES: u64 = 16 << 20;

pub(super) struct Merge<'a> {
    pub(super) compaction: &'a Compaction,
    pub(super) snapshot: &'a Snapshot,
    pub(super) table: &'a Table,
    pub(super) group: &'a Group,
}

impl Merge<'_> {
    /// The files whose rows fit the table, and one file with all of them. `None` where fewer than two files fit.
    pub(super) async fn run(
        &self,
        unfit: &mut Vec<GivenUp>,
    ) -> Result<Option<(Vec<ActiveFile>, PartitionFile)>, LakeError> {
        let deadline = self.compaction.deadline;
        // Boxed, because the compiler cannot see through the nested lifetimes that the future is `Send`.
        let get = |file: &ActiveFile| {
            let key = file.key.clone();
            async move { Ok::<_, LakeError>(self.snapshot.store.get(&key, deadline).await?) }.boxed()
        };
        let bodies = stream::iter(self.group.files.iter().map(get).collect::<Vec<_>>()).buffered(AHEAD);
        let mut bodies = stream::iter(&self.group.files).zip(bodies);
        let room = usize::try_from(self.group.bytes()).unwrap_or(0);
        let mut writer = FileEncoder::new(self.table.schema()).begin(room)?;
        let mut files = Vec::with_capacity(self.group.files.len());
        let (mut batches, mut count, mut bytes) = (Vec::new(), 0, 0);
        while let Some((file, body)) = bodies.next().await {
            match rows_of(self.table, file, body?) {
                Ok(rows) => {
                    files.push(file.clone());
                    count += rows.iter().map(RecordBatch::num_rows).sum::<usize>();
                    bytes += file.size;
                    batches.extend(rows);
                }
                Err(reason) => unfit.push(GivenUp::of(std::slice::from_ref(file), reason)),
            }
            if count >= ROWS || bytes >= BYTES {
                writer = self.write(writer, std::mem::take(&mut batches)).await?;
                (count, bytes) = (0, 0);
            }
        }
        if files.len() < 2 {
            return Ok(None);
        }
        writer = self.write(writer, batches).await?;
        Ok(Some((files, writer.finish(self.group.partition.clone())?)))
    }

    /// Writes rows as row groups of their own, beside the other tasks: it can take a second.
    async fn write(
        &self,
        mut writer: FileWriter,
        batches: Vec<RecordBatch>,
    ) -> Result<FileWriter, LakeError> {
        let context = format!("sorting rows of {}", self.table.location());
        let failed = move |reason| LakeError::Parquet {
            context: context.clone(),
            source: ParquetError::General(reason),
        };
        let ended = failed.clone();
        let event_time = self.compaction.event_time.clone();
        let writing = tokio::task::spawn_blocking(move || {
            let ordered: Box<dyn Iterator<Item = _>> = match event_time {
                Some(column) => order::sorted(batches, &column, order::STRETCH),
                None => Box::new(batches.into_iter().map(Ok)),
            };
            for batch in ordered {
                writer.write(&batch.map_err(&failed)?)?;
            }
            writer.end_row_group()?;
            Ok(writer)
        });
        writing.await.map_err(|e| ended(e.to_string()))?
    }
}

fn rows_of(table: &Table, file: &ActiveFile, body: Option<Bytes>) -> Result<Vec<RecordBatch>, String> {
    let body = body.ok_or("the log has it, S3 does not")?;
    let batches = rows::of_file(table.schema(), body)?;
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    match file.rows {
        Some(counted) if counted != rows as u64 => {
            Err(format!("it has {rows} rows, its statistics say {counted}"))
        }
        _ => Ok(batches),
    }
}
