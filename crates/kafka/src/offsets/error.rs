//! Errors of reading and setting offsets.

use faults::{Classified, FaultClass};
use krafka::KrafkaError;
use krafka::error::ErrorCode;

use crate::{ConnectError, class_of};

/// Offsets could not be read or set.
#[derive(Debug, thiserror::Error)]
pub enum LagError {
    /// The client could not connect to the cluster.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The topic does not exist. A topic that was just created may need a moment; see `LagReader::settled`.
    #[error("topic {topic} does not exist")]
    NoTopic {
        /// The topic.
        topic: String,
    },
    /// A new topic does not have all its partitions yet.
    #[error("topic {topic} has {found} of {wanted} partitions")]
    Unsettled {
        /// The topic.
        topic: String,
        /// The number of partitions that the brokers report.
        found: usize,
        /// The number of partitions that the caller waits for.
        wanted: usize,
    },
    /// A request for a group's lag failed.
    #[error("could not read the lag of group {group} on topic {topic}")]
    Lag {
        /// The consumer group.
        group: String,
        /// The topic.
        topic: String,
        /// The error of the last attempt.
        source: KrafkaError,
    },
    /// A request to set a group's offsets failed.
    #[error("could not set the offsets of group {group} on topic {topic}")]
    Set {
        /// The consumer group.
        group: String,
        /// The topic.
        topic: String,
        /// The error of the last attempt.
        source: KrafkaError,
    },
    /// A request for a topic's oldest and newest offsets failed.
    #[error("could not read the offsets of topic {topic}")]
    Ends {
        /// The topic.
        topic: String,
        /// The error of the last attempt.
        source: KrafkaError,
    },
}

impl Classified for LagError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Connect(error) => error.class(),
            Self::NoTopic { .. } => FaultClass::Configuration,
            Self::Unsettled { .. } => FaultClass::Retryable,
            Self::Lag { source, .. } | Self::Set { source, .. } | Self::Ends { source, .. } => {
                class_of(source)
            }
        }
    }
}

/// The error of a request, before the topic is attached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Kafka(#[from] KrafkaError),
}

impl Classified for Unanswered {
    fn class(&self) -> FaultClass {
        match self {
            Self::Connect(error) => error.class(),
            Self::Kafka(error) => class_of(error),
        }
    }
}

impl Unanswered {
    /// Adds the topic. "Unknown topic" becomes [`LagError::NoTopic`]; `about` converts every other Kafka error.
    pub(crate) fn into_error(self, topic: &str, about: impl FnOnce(KrafkaError) -> LagError) -> LagError {
        match self {
            Self::Connect(error) => error.into(),
            Self::Kafka(
                KrafkaError::UnknownTopic { .. }
                | KrafkaError::Broker { code: ErrorCode::UnknownTopicOrPartition, .. },
            ) => LagError::NoTopic { topic: topic.to_owned() },
            Self::Kafka(source) => about(source),
        }
    }
}
