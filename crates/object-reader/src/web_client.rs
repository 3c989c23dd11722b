//! The HTTP client of all code that reads from web servers.

use bytes::Bytes;
use http_body_util::Empty;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, Error, RootCertStore};
use tokio::time::Duration;

/// The longest time to open a TCP connection.
const CONNECT: Duration = Duration::from_secs(5);

/// A client for requests without a body. It keeps connections open for further requests.
pub type WebClient = Client<WebConnector, Empty<Bytes>>;

/// Opens connections over HTTP and HTTPS.
pub type WebConnector = HttpsConnector<HttpConnector>;

/// Creates a client that verifies HTTPS servers against `roots`.
///
/// # Errors
/// The TLS library refuses its own defaults; this does not happen with the compiled-in provider.
pub fn web_client(roots: RootCertStore) -> Result<WebClient, Error> {
    Ok(Client::builder(TokioExecutor::new()).build(web_connector(roots)?))
}

/// Creates a connector that verifies HTTPS servers against `roots`, for clients that send request bodies.
///
/// # Errors
/// As for [`web_client`].
pub fn web_connector(roots: RootCertStore) -> Result<WebConnector, Error> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT));
    let tls = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector))
}
