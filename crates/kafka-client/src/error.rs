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

/// The class of what the client library reports.
#[must_use]
pub fn class_of(error: &KrafkaError) -> FaultClass {
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
