//! HTTP clients: TLS by rustls, connections that are kept.

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use object_reader::{WebConnector, web_connector};

/// A client with its connections.
pub(crate) type Pool = Client<WebConnector, Full<Bytes>>;

/// A client that keeps this many idle connections to a host.
pub(crate) fn pool(connections: usize) -> anyhow::Result<Pool> {
    let connector = web_connector(authorities::public()).context("cannot speak TLS")?;
    Ok(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(connections).build(connector))
}
