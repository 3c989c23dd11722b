//! Errors of sending, with their fault class.

use faults::{Classified, FaultClass};
use krafka::KrafkaError;

use crate::{ConnectError, class_of};

/// At least one record was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum ProduceError {
    /// The producer could not connect before the deadline. No record was sent.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Some records were not acknowledged before the deadline, or a broker refused them.
    #[error("{} of {} records to topic {topic} were not acknowledged, the first is number {}",
        unacknowledged.len(), acknowledged + unacknowledged.len(), unacknowledged.first().copied().unwrap_or(0))]
    NotAcknowledged {
        /// The topic.
        topic: String,
        /// The number of records that all in-sync replicas acknowledged.
        acknowledged: usize,
        /// The indexes (from 0, in the order of sending) of the records without an acknowledgement, sorted. A broker
        /// may have stored some of them without answering, so sending them again can create duplicates.
        unacknowledged: Vec<usize>,
        /// The first error.
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
