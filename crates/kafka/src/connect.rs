//! Connects a client from settings.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials;
use krafka::auth::{AuthConfig, OAuthBearerToken, TlsConfig};
use krafka::{Kafka, KrafkaError};

use crate::cluster::{Auth, Cluster, ClusterSettings};
use crate::{ConnectError, msk_token};

/// The client's name, and the time limits of a connection and a request.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    /// Kafka's `client.id`: brokers use it in logs and quotas.
    pub client_id: &'static str,
    /// The longest time to open one connection.
    pub connect: Duration,
    /// The longest time for one request and its response; must be at least `connect`.
    pub request: Duration,
}

/// Connects to the cluster. If the settings hold an MSK cluster's ARN, the brokers are looked up first
/// (`GetBootstrapBrokers`).
///
/// # Errors
/// [`ConnectError`]. A wrong setting (no listener for the authentication, no region, no credentials provider)
/// is a configuration fault. A broker that does not answer is retryable.
pub async fn connect(
    settings: &ClusterSettings,
    sdk: &SdkConfig,
    caller: Caller,
) -> Result<Kafka, ConnectError> {
    let servers = match &settings.cluster {
        Cluster::Servers(servers) => servers.clone(),
        Cluster::Arn(arn) => look_up(arn, settings.auth, sdk).await?,
    };
    let mut builder = Kafka::builder(servers.as_str())
        .client_id(caller.client_id)
        .request_timeout(caller.request)
        .connect_timeout(caller.connect);
    if settings.auth == Auth::MskIam {
        builder = builder.security(msk_iam(sdk)?);
    }
    builder.connect().await.map_err(|source| ConnectError::Connect { servers, source })
}

/// The brokers of an MSK cluster for this kind of authentication, as `host:port,…`.
async fn look_up(arn: &str, auth: Auth, sdk: &SdkConfig) -> Result<String, ConnectError> {
    let found = aws_sdk_kafka::Client::new(sdk)
        .get_bootstrap_brokers()
        .cluster_arn(arn)
        .send()
        .await
        .map_err(|source| ConnectError::Lookup { arn: arn.to_owned(), source: Box::new(source) })?;
    let servers = match auth {
        Auth::MskIam => found.bootstrap_broker_string_sasl_iam,
        Auth::Plaintext => found.bootstrap_broker_string,
    };
    servers
        .filter(|servers| !servers.is_empty())
        .ok_or_else(|| ConnectError::NoBrokers { arn: arn.to_owned(), auth })
}

/// TLS with the compiled-in root certificates, and a new token for each connection: a token lives 15 minutes, and a
/// sandbox may be frozen for longer.
fn msk_iam(sdk: &SdkConfig) -> Result<AuthConfig, ConnectError> {
    let region = sdk.region().ok_or(ConnectError::Incomplete { missing: "a region" })?.to_string();
    let credentials =
        sdk.credentials_provider().ok_or(ConnectError::Incomplete { missing: "credentials" })?;
    let provider = move || {
        let (region, credentials) = (region.clone(), credentials.clone());
        async move {
            let credentials = credentials
                .provide_credentials()
                .await
                .map_err(|error| KrafkaError::auth_with_source("no AWS credentials", error))?;
            let token = msk_token(&region, &credentials, SystemTime::now())
                .map_err(|error| KrafkaError::auth_with_source("no MSK token", error))?;
            let expires_ms = token.expires_at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
            Ok(OAuthBearerToken::new(token.value)
                .with_lifetime_ms(i64::try_from(expires_ms).unwrap_or(i64::MAX)))
        }
    };
    Ok(AuthConfig::sasl_oauthbearer_provider(provider).with_tls(TlsConfig::new()))
}
