//! The AWS client configuration of all functions and tools.

use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// Loads region, credentials and endpoint from the environment. HTTPS uses rustls with the `ring` provider.
pub async fn sdk_config() -> SdkConfig {
    sdk_loader().load().await
}

/// The same configuration before it is loaded. Set an endpoint here: an endpoint that is set on the loaded
/// configuration is overridden by the environment's.
#[must_use]
pub fn sdk_loader() -> ConfigLoader {
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::latest()).http_client(http)
}
