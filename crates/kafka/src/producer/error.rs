//! What can go wrong, and whether trying again helps.

use crate::{ConnectError, class_of};
use faults::{Classified, FaultClass};
use krafka::KrafkaError;

/// Not every record was acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum ProduceError {
    /// There was no connection within the deadline: nothing was sent.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Some records were not acknowledged within the deadline.
    #[error("{} of {} records to topic {topic} were not acknowledged, the first is number {}",
        unacknowledged.len(), acknowledged + unacknowledged.len(), unacknowledged.first().copied().unwrap_or(0))]
    NotAcknowledged {
        /// The topic.
        topic: String,
        /// How many records are safely stored.
        acknowledged: usize,
        /// Which records (counted from 0 in the order of sending) are not known to be stored. Those that reached a
        /// broker without an answer may be, so sending them again can double them.
        unacknowledged: Vec<usize>,
        /// The first fault.
        source: KrafkaError,
    },
}

impl Classified for ProduceError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Connect(error) => error.class(),
            Self::NotAcknowledged { source, .. } => class_of(source),
        }
    }
}
