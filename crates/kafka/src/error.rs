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
///
/// Answers that pass by themselves are retryable: a partition without a leader (yet), a coordinator that loads or moved,
/// a replica that lags. An unknown topic is not: whoever has just created one waits for it (`kafka_offsets`).
#[must_use]
pub fn class_of(error: &KrafkaError) -> FaultClass {
    match error {
        KrafkaError::Auth { .. } | KrafkaError::Config { .. } | KrafkaError::UnknownTopic { .. } => {
            FaultClass::Configuration
        }
        KrafkaError::Broker { code, .. } => class_of_answer(*code),
        _ => FaultClass::Retryable,
    }
}

fn class_of_answer(code: ErrorCode) -> FaultClass {
    match code {
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge | ErrorCode::InvalidRecord => {
            FaultClass::Poison
        }
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::InvalidTopic
        | ErrorCode::InvalidGroupId
        | ErrorCode::TopicAuthorizationFailed
        | ErrorCode::GroupAuthorizationFailed
        | ErrorCode::ClusterAuthorizationFailed
        | ErrorCode::TransactionalIdAuthorizationFailed
        | ErrorCode::SaslAuthenticationFailed
        | ErrorCode::UnsupportedSaslMechanism
        | ErrorCode::IllegalSaslState
        | ErrorCode::SecurityDisabled
        | ErrorCode::UnsupportedVersion
        | ErrorCode::UnsupportedCompressionType
        | ErrorCode::InvalidConfig
        | ErrorCode::PolicyViolation => FaultClass::Configuration,
        _ => FaultClass::Retryable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(code: ErrorCode) -> FaultClass {
        class_of(&KrafkaError::broker(code, "answered"))
    }

    #[test]
    fn an_answer_that_passes_by_itself_is_retryable() {
        for code in [
            ErrorCode::LeaderNotAvailable,
            ErrorCode::NotLeaderForPartition,
            ErrorCode::ReplicaNotAvailable,
            ErrorCode::FencedLeaderEpoch,
            ErrorCode::UnknownLeaderEpoch,
            ErrorCode::OffsetNotAvailable,
            ErrorCode::CoordinatorLoadInProgress,
            ErrorCode::CoordinatorNotAvailable,
            ErrorCode::NotCoordinator,
            ErrorCode::NotController,
            ErrorCode::BrokerNotAvailable,
            ErrorCode::ListenerNotFound,
            ErrorCode::NotEnoughReplicas,
            ErrorCode::NotEnoughReplicasAfterAppend,
            ErrorCode::KafkaStorageException,
            ErrorCode::RequestTimedOut,
            ErrorCode::NetworkException,
            ErrorCode::RebalanceInProgress,
            ErrorCode::UnstableOffsetCommit,
            ErrorCode::ThrottlingQuotaExceeded,
            ErrorCode::UnknownTopicId,
            ErrorCode::UnknownServerError,
            ErrorCode::Unknown(9_999),
        ] {
            assert_eq!(class(code), FaultClass::Retryable, "{code:?}");
        }
        assert_eq!(class_of(&KrafkaError::timeout("asking")), FaultClass::Retryable);
    }

    #[test]
    fn an_answer_that_needs_somebody_is_not() {
        for code in [
            ErrorCode::UnknownTopicOrPartition,
            ErrorCode::GroupAuthorizationFailed,
            ErrorCode::TopicAuthorizationFailed,
            ErrorCode::UnsupportedSaslMechanism,
        ] {
            assert_eq!(class(code), FaultClass::Configuration, "{code:?}");
        }
        assert_eq!(class(ErrorCode::MessageTooLarge), FaultClass::Poison);
    }
}
