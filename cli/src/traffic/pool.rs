//! HTTP clients with TLS by rustls and connections that are kept open.

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use object_reader::{WebConnector, web_connector};

/// A client with its connections.
pub(crate) type Pool = Client<WebConnector, Full<Bytes>>;

/// Makes a client that keeps at most `connections` idle connections per host. It does not limit connections in use: the
/// caller does.
pub(crate) fn pool(connections: usize) -> anyhow::Result<Pool> {
    let connector = web_connector(authorities::public()).context("cannot speak TLS")?;
    Ok(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(connections).build(connector))
}
