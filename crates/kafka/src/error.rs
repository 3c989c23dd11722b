//! Errors of connecting, and the fault class of every error of the Kafka client library.

use aws_sdk_kafka::error::SdkError;
use aws_sdk_kafka::operation::get_bootstrap_brokers::GetBootstrapBrokersError;
use faults::{Classified, FaultClass};
use krafka::KrafkaError;
use krafka::error::ErrorCode;

use crate::Auth;

/// The client could not connect to the cluster.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// MSK's `GetBootstrapBrokers` failed.
    #[error("the brokers of cluster {arn} could not be looked up")]
    Lookup {
        /// The cluster's ARN.
        arn: String,
        /// The SDK's error.
        #[source]
        source: Box<SdkError<GetBootstrapBrokersError>>,
    },
    /// The cluster has no listener for the kind of authentication in `KAFKA_AUTH`.
    #[error("cluster {arn} has no brokers for {auth:?}: enable this kind of authentication on the cluster")]
    NoBrokers {
        /// The cluster's ARN.
        arn: String,
        /// The kind of authentication.
        auth: Auth,
    },
    /// The AWS configuration has no region or no credentials provider; MSK's IAM access control needs both.
    #[error("KAFKA_AUTH=msk-iam needs {missing} in the AWS configuration")]
    Incomplete {
        /// The missing part of the AWS configuration.
        missing: &'static str,
    },
    /// The brokers refused the connection or did not answer.
    #[error("no connection to Kafka at {servers}")]
    Connect {
        /// The brokers (`host:port,…`) or the cluster's ARN.
        servers: String,
        /// The client library's error.
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

/// The fault class of an error of the client library.
///
/// Temporary states of the cluster are retryable: a partition without a leader, a coordinator that loads or moved, a
/// replica that lags. An unknown topic is a configuration fault. Code that has just created a topic waits for it with
/// [`LagReader::settled`](crate::LagReader::settled).
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

/// The class of an error code in a broker's answer. Codes that are not listed are retryable.
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

    /// The class of an answer with this code.
    fn class(code: ErrorCode) -> FaultClass {
        class_of(&KrafkaError::broker(code, "answered"))
    }

    #[test]
    fn temporary_error_codes_are_retryable() {
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
    fn error_codes_that_need_an_operator_are_not_retryable() {
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
