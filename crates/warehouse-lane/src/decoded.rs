//! A topic's part of a batch, as a function decodes it.

use warehouse::Client;

use crate::error::LaneError;

/// The index of a partition in a topic's part of a batch, and the index of a record in that partition.
pub type RecordIndex = (usize, usize);

/// A topic's part of a batch, decoded.
pub trait DecodedRecords {
    /// Why the record can never be stored; `None` if it can.
    fn poison(&self, record: RecordIndex) -> Option<&str>;

    /// Stores these good records, which are in order, in one statement of the transaction that `client` has open. The
    /// statement is sent when the future is polled first. Returns how many records changed nothing because the table
    /// already holds what they say.
    fn store(&self, client: &Client, records: &[RecordIndex])
    -> impl Future<Output = Result<u64, LaneError>>;

    /// The number of fields in good records that the pipeline file does not name.
    fn extra_fields(&self) -> u64;
}
