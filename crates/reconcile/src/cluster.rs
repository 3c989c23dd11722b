//! The connections to the systems that are compared.

use std::time::Duration;

use aws_config::SdkConfig;
use kafka::{Caller, ClusterSettings, ConnectError};
use krafka::Kafka;
use s3::S3Location;

/// The name and the timeouts of the Kafka client. The timeouts apply to one connection attempt and one request.
const CALLER: Caller = Caller {
    client_id: "headwater-verify",
    connect: Duration::from_secs(10),
    request: Duration::from_secs(30),
};

/// A Kafka cluster and the credentials for it. Holds no connection.
#[derive(Debug, Clone)]
pub struct Cluster {
    settings: ClusterSettings,
    sdk: SdkConfig,
}

impl Cluster {
    /// A cluster with these settings. `sdk` provides the AWS credentials if the cluster uses IAM authentication.
    #[must_use]
    pub fn new(settings: ClusterSettings, sdk: SdkConfig) -> Self {
        Self { settings, sdk }
    }

    /// A cluster without authentication and TLS. `servers` is `host:port,…`.
    #[must_use]
    pub fn plaintext(servers: impl Into<String>) -> Self {
        Self::new(ClusterSettings::plaintext(servers), SdkConfig::builder().build())
    }

    /// Opens a new connection.
    ///
    /// # Errors
    /// The errors of [`kafka::connect`].
    pub async fn connect(&self) -> Result<Kafka, ConnectError> {
        // Boxed: the future of a connection is large, and connecting is rare.
        Box::pin(kafka::connect(&self.settings, &self.sdk, CALLER)).await
    }
}

/// Kafka, the lake and the dead letters. Functions that need Postgres take a client, because a snapshot belongs to one
/// connection.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The Kafka cluster.
    pub cluster: Cluster,
    /// The S3 client for the lake and the dead letters.
    pub objects: s3::Client,
    /// The root of the Delta tables.
    pub lake_root: S3Location,
    /// The root of the dead letters.
    pub parked_root: S3Location,
}
