//! Reads and writes Delta tables on S3. Each commit also stores the writer's positions.
//!
//! A commit contains the data files **and** the writer's positions (Delta app transactions). So both become visible at
//! the same moment, or neither does.
//!
//! [`Table::append`] plans against the positions in the newest version, writes the data files, and then writes the next
//! log entry with a conditional PUT. If another writer was faster, it reads that writer's commit, plans again and tries
//! the next version, until its deadline.
//!
//! The crate does not know Kafka. It takes Arrow batches per table partition, and opaque app ids with 64-bit versions.

mod compaction;
mod error;
mod file_bounds;
mod log;
mod parquet_file;
mod partition;
mod plain;
mod position_ids;
mod scan;
mod schema;
mod snapshot;
mod table;
pub mod upkeep;
mod watch;

pub use compaction::{Compacted, Compaction, GivenUp, Group};
pub use error::LakeError;
pub use parquet_file::{FileEncoder, PartitionFile};
pub use plain::PlainColumn;
pub use position_ids::{app_id, changed_app_versions, position_from_app_versions, reset_app_versions};
pub use schema::TableSchema;
pub use snapshot::{ActiveFile, Snapshot};
pub use table::{AppVersions, Append, Committed, Plan, Rewritten, Since, Table};
pub use watch::{TableSize, TableWatch};
