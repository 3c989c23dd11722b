//! What can go wrong, and whether trying again helps.

use aws_sdk_kafka::error::SdkError;
use aws_sdk_kafka::operation::get_bootstrap_brokers::GetBootstrapBrokersError;
use faults::{Classified, FaultClass};
use krafka::KrafkaError;
use krafka::error::ErrorCode;

use crate::Auth;

/// Why there is no connection to the cluster.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The cluster's brokers could not be looked up.
    #[error("the brokers of cluster {arn} could not be looked up")]
    Lookup {
        /// The cluster.
        arn: String,
        /// Why.
        #[source]
        source: Box<SdkError<GetBootstrapBrokersError>>,
    },
    /// The cluster has no listener of the wanted kind.
    #[error("cluster {arn} has no brokers for {auth:?}: switch this kind of authentication on")]
    NoBrokers {
        /// The cluster.
        arn: String,
        /// The wanted kind.
        auth: Auth,
    },
    /// MSK's IAM access control needs a region and credentials.
    #[error("KAFKA_AUTH=msk-iam needs {missing} in the AWS configuration")]
    Incomplete {
        /// What is missing.
        missing: &'static str,
    },
    /// The brokers did not let us in, or did not answer.
    #[error("no connection to Kafka at {servers}")]
    Connect {
        /// The brokers that were tried.
        servers: String,
        /// Why.
        source: KrafkaError,
    },
}

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

impl Classified for ConnectError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Lookup { source, .. } => match source.as_service_error() {
                Some(error) if error.is_internal_server_error_exception() => FaultClass::Retryable,
                Some(_) => FaultClass::Configuration,
                None => FaultClass::Retryable,
            },
            Self::NoBrokers { .. } | Self::Incomplete { .. } => FaultClass::Configuration,
            Self::Connect { source, .. } => class_of(source),
        }
    }
}

impl Classified for ProduceError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Connect(error) => error.class(),
            Self::NotAcknowledged { source, .. } => class_of(source),
        }
    }
}

pub(crate) fn class_of(error: &KrafkaError) -> FaultClass {
    match error {
        KrafkaError::Auth { .. } | KrafkaError::Config { .. } | KrafkaError::UnknownTopic { .. } => {
            FaultClass::Configuration
        }
        KrafkaError::Broker { code, .. } => match code {
            ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge | ErrorCode::InvalidRecord => {
                FaultClass::Poison
            }
            ErrorCode::UnknownTopicOrPartition
            | ErrorCode::TopicAuthorizationFailed
            | ErrorCode::ClusterAuthorizationFailed
            | ErrorCode::SaslAuthenticationFailed => FaultClass::Configuration,
            _ => FaultClass::Retryable,
        },
        _ => FaultClass::Retryable,
    }
}
