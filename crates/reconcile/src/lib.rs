//! Reconciliation of the lanes that read from Kafka: checks that every record in Kafka is stored or parked exactly
//! once.
//!
//! `headwater verify` compares everything that Kafka still holds. The function `reconciler` compares closed windows of
//! offsets every hour. Both pass the locations as [`Sources`]; this crate does not depend on the local stack.

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
