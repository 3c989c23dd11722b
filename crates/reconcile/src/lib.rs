//! Reconciliation of the lanes that Kafka feeds: every record that Kafka took is stored or parked, and none twice.
//!
//! `headwater verify` compares everything that Kafka holds. The function `reconciler` compares closed windows of offsets,
//! hour after hour. Both are told where things lie ([`Sources`]) and know nothing of a local stack.

pub mod books;
mod cluster;
pub mod earlier;
mod error;
pub mod given_up;
pub mod lake;
pub mod lost;
pub mod mark;
pub mod offsets;
pub mod parked;
pub mod produced;
pub mod ranges;
pub mod records;
mod snapshot;
pub mod table;
pub mod topic;
pub mod totals;
mod verdict;
pub mod window;

pub use cluster::{Cluster, Sources};
pub use error::ReconcileError;
pub use kafka::Ends;
pub use snapshot::in_snapshot;
pub use verdict::{OffsetRange, Verdict};
