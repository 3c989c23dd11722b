//! Delta tables on S3, written by commits that carry positions.
//!
//! A commit holds the data files **and** the writer's positions (Delta app transactions), so that both become visible
//! in one instant or not at all. [`Table::append`] plans against the positions of the newest version, puts the data
//! files, then puts the next log entry on the condition that nobody else has: who loses that race reads what the winner
//! committed, plans again, and tries the next version until its deadline.
//!
//! The crate knows nothing of Kafka's events. It takes Arrow batches by partition, and app ids with 64-bit versions;
//! [`app_id`] and its neighbours say how a position is kept under such ids.

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
