//! A topic's part of a batch, as a function decodes it.

use warehouse::Client;

use crate::error::LaneError;

/// The index of a partition in a topic's part of a batch, and the index of a record in that partition.
pub type RecordIndex = (usize, usize);

/// The decoded records of a topic in a batch.
pub trait DecodedRecords {
    /// Why the record can never be stored. `None` if it was decoded without error.
    fn poison(&self, record: RecordIndex) -> Option<&str>;

    /// Stores these decoded records, in ascending order, in the open transaction of `client`. Must use one
    /// statement and send it when the future is polled for the first time. Returns how many records changed
    /// nothing, because the table already contains their values.
    ///
    /// # Errors
    /// [`LaneError`] if Postgres refuses the statement. The caller then rolls back, and searches for the
    /// records that cause the refusal.
    fn store(&self, client: &Client, records: &[RecordIndex])
    -> impl Future<Output = Result<u64, LaneError>>;

    /// The number of fields in decoded records that the pipeline file does not name.
    fn extra_fields(&self) -> u64;
}
