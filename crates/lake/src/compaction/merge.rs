//! Merges the files of a group into one file.
//!
//! Decoded rows need far more memory than their file: 60 MB of room counts are 20 million rows, and more than a
//! gigabyte. So only a few files at a time are decoded, ordered and encoded. Each of these batches becomes its own row
//! groups.

use arrow_array::RecordBatch;
use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream};
use parquet::errors::ParquetError;

use super::{Compaction, GivenUp, Group, order, rows};
use crate::{ActiveFile, FileEncoder, LakeError, PartitionFile, Snapshot, Table, parquet_file::FileWriter};

/// The number of files that are requested at the same time.
const AHEAD: usize = 16;
/// The decoded rows are written when they have this many rows, or when their files have this many bytes.
const ROWS: usize = 1 << 21;
/// See [`ROWS`]; in bytes of the compressed files.
const BYTES: u64 = 16 << 20;

/// The input for merging one group.
pub(super) struct Merge<'a> {
    pub(super) compaction: &'a Compaction,
    /// The version of the table that has the files.
    pub(super) snapshot: &'a Snapshot,
    /// The writer, with the columns of the table.
    pub(super) table: &'a Table,
    /// The files to merge.
    pub(super) group: &'a Group,
}

impl Merge<'_> {
    /// Returns the files whose rows fit the table, and one file with all their rows. Returns `None` if fewer than two
    /// files fit. Files that do not fit are added to `unfit`.
    ///
    /// Fails with the error of S3 or of the Parquet writer. A single file that cannot be read is unfit and no error.
    pub(super) async fn run(
        &self,
        unfit: &mut Vec<GivenUp>,
    ) -> Result<Option<(Vec<ActiveFile>, PartitionFile)>, LakeError> {
        let deadline = self.compaction.deadline;
        // Boxed, because the compiler cannot prove that the nested future is `Send`.
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

    /// Writes rows as new row groups. Runs in a blocking task, because it can take a second.
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

/// Decodes the rows of a file. The error says why the file cannot be merged.
///
/// The number of rows must match the statistics, so that no row is lost if a file is damaged.
fn rows_of(table: &Table, file: &ActiveFile, body: Option<Bytes>) -> Result<Vec<RecordBatch>, String> {
    let body = body.ok_or("S3 does not have it")?;
    let batches = rows::of_file(table.schema(), body)?;
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    match file.rows {
        Some(counted) if counted != rows as u64 => {
            Err(format!("it has {rows} rows, its statistics say {counted}"))
        }
        _ => Ok(batches),
    }
}
