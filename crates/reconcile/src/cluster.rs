//! Where what is compared lies.

use std::time::Duration;

use aws_config::SdkConfig;
use kafka::{Caller, ClusterSettings, ConnectError};
use krafka::Kafka;
use s3::S3Location;

/// How long one exchange with a broker may take.
const CALLER: Caller = Caller {
    client_id: "headwater-verify",
    connect: Duration::from_secs(10),
    request: Duration::from_secs(30),
};

/// A Kafka cluster and the credentials for it.
#[derive(Debug, Clone)]
pub struct Cluster {
    settings: ClusterSettings,
    sdk: SdkConfig,
}

impl Cluster {
    /// The cluster of `settings`; `sdk` signs where it asks for IAM.
    #[must_use]
    pub fn new(settings: ClusterSettings, sdk: SdkConfig) -> Self {
        Self { settings, sdk }
    }

    /// Brokers (`host:port,…`) that ask nobody who they are.
    #[must_use]
    pub fn plaintext(servers: impl Into<String>) -> Self {
        Self::new(ClusterSettings::plaintext(servers), SdkConfig::builder().build())
    }

    /// A new connection.
    pub async fn connect(&self) -> Result<Kafka, ConnectError> {
        // Boxed: connecting is rare, and its future is deep and large.
        Box::pin(kafka::connect(&self.settings, &self.sdk, CALLER)).await
    }
}

/// Kafka, the lake and the dead letters. Postgres is given to each question, because a snapshot belongs to a connection.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The cluster.
    pub cluster: Cluster,
    /// The S3 client.
    pub objects: s3::Client,
    /// The root of the Delta tables.
    pub lake_root: S3Location,
    /// The root of the dead letters.
    pub parked_root: S3Location,
}
