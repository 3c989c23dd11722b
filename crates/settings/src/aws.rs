//! One AWS client configuration for all functions and tools.

use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// Region, credentials and endpoint from the environment; HTTPS by rustls over ring.
pub async fn sdk_config() -> SdkConfig {
    sdk_loader().load().await
}

/// The same before it is loaded. An endpoint must be set here: one that is set on what was loaded yields to the
/// environment's.
#[must_use]
pub fn sdk_loader() -> ConfigLoader {
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::latest()).http_client(http)
}
