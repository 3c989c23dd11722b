//! A small HTTP server on this machine, for commands that serve until Ctrl-C.

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

/// A port that is open, and its address.
pub(crate) struct LocalServer {
    listener: TcpListener,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl LocalServer {
    /// Opens a port on 127.0.0.1; 0 takes a free one.
    pub(crate) async fn open(port: u16) -> anyhow::Result<Self> {
        let listening = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listening.map_err(|error| {
            failure(format!("cannot listen on port {port}: {error}"), "choose another with --port")
        })?;
        let address = listener.local_addr().context("a listener without an address")?;
        Ok(Self { listener, address })
    }

    /// Answers every request with `answer` until the process ends.
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
                // A client that went away is no fault.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), serve).await;
            });
        }
    }
}
