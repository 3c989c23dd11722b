//! Why offsets are not known.

use crate::{ConnectError, class_of};
use faults::{Classified, FaultClass};
use krafka::KrafkaError;
use krafka::error::ErrorCode;

/// Why a lag or an end is not known.
#[derive(Debug, thiserror::Error)]
pub enum LagError {
    /// There is no connection to the cluster.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There is no such topic (yet).
    #[error("topic {topic} does not exist")]
    NoTopic {
        /// The topic.
        topic: String,
    },
    /// A new topic has not got all its partitions yet.
    #[error("topic {topic} has {found} of {wanted} partitions")]
    Unsettled {
        /// The topic.
        topic: String,
        /// How many there are.
        found: usize,
        /// How many there shall be.
        wanted: usize,
    },
    /// The brokers did not answer as they should about a group.
    #[error("lag of group {group} on topic {topic} is not known")]
    Lag {
        /// The group.
        group: String,
        /// The topic.
        topic: String,
        /// Why.
        source: KrafkaError,
    },
    /// The brokers did not set a group's offsets.
    #[error("the offsets of group {group} on topic {topic} cannot be set")]
    Set {
        /// The group.
        group: String,
        /// The topic.
        topic: String,
        /// Why.
        source: KrafkaError,
    },
    /// The brokers did not answer as they should about a topic.
    #[error("the ends of topic {topic} are not known")]
    Ends {
        /// The topic.
        topic: String,
        /// Why.
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

/// Error of a question, before the topic is attached.
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
    /// The error of a question about `topic`; `about` makes it where the topic is there.
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
