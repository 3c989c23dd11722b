//! One AWS client configuration for all functions and tools.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// Region, credentials and endpoint from the environment; HTTPS by rustls over ring.
///
/// Path-style S3 addressing is the caller's concern ([`s3_path_style`]).
pub async fn sdk_config() -> SdkConfig {
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await
}

/// Whether S3 buckets must be addressed in the path: true with an emulator, whose host names have no bucket part.
#[must_use]
pub fn s3_path_style(config: &SdkConfig) -> bool {
    config.endpoint_url().is_some()
}
