//! A small HTTP/1.1 server on 127.0.0.1, for commands that serve until Ctrl-C.

use std::{convert::Infallible, error::Error, net::Ipv4Addr, net::SocketAddr};

use anyhow::Context as _;
use hyper::{
    Request, Response,
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::failure::failure;

/// An open port. Connections are accepted when [`LocalServer::serve`] runs.
pub(crate) struct LocalServer {
    listener: TcpListener,
    /// The address that the server listens on. If port 0 was requested, it contains the port that the system chose.
    pub(crate) address: SocketAddr,
}

impl LocalServer {
    /// Opens a port on 127.0.0.1. With 0, the system chooses a free port.
    ///
    /// # Errors
    /// A failure with a fix if the port is in use or not permitted.
    pub(crate) async fn open(port: u16) -> anyhow::Result<Self> {
        let listening = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listening.map_err(|error| {
            failure(format!("cannot listen on port {port}: {error}"), "choose another port with --port")
        })?;
        let address = listener.local_addr().context("cannot read the address of the port")?;
        Ok(Self { listener, address })
    }

    /// Answers every request with `answer`. Each connection has its own task.
    ///
    /// # Errors
    /// Returns only if no more connections can be accepted.
    pub(crate) async fn serve<A, F, B>(self, answer: A) -> anyhow::Result<()>
    where
        A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Response<B>> + Send,
        B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        loop {
            let (stream, _) = self.listener.accept().await.context("cannot accept connections")?;
            let answer = answer.clone();
            let serve = service_fn(move |request| {
                let answer = answer(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            tokio::spawn(async move {
                // An error here only means that the client closed the connection.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), serve).await;
            });
        }
    }
}
