//! Why offsets are not known.

use faults::{Classified, FaultClass};
use kafka_client::{ConnectError, class_of};
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
            Self::Lag { source, .. } | Self::Set { source, .. } | Self::Ends { source, .. } => {
                class_of(source)
            }
        }
    }
}

/// A question that came to nothing, before it is known what it was about.
#[derive(Debug)]
pub(crate) enum Unanswered {
    Connect(ConnectError),
    Kafka(KrafkaError),
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
