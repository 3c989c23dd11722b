//! An HTTP server on a local port.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Answers requests until `stop` is ready, and then waits for the running requests. Dropping the future closes all
/// connections at once.
pub(crate) async fn serve<A, F>(listener: TcpListener, answer: A, stop: impl Future<Output = ()>)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let (ending, ended) = watch::channel(false);
    // A `JoinSet` aborts the connections' tasks when it is dropped.
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        // Without this, an answer in several small writes would wait for the delayed acknowledgement of the first one.
        let _ = stream.set_nodelay(true);
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let answer = answer(request);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let mut ended = ended.clone();
        connections.spawn(async move {
            let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            // The result is ignored: a closed connection of a client is not an error.
            tokio::select! {
                _ = connection.as_mut() => return,
                _ = ended.changed() => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    // This fails only if there is no connection.
    let _ = ending.send(true);
    while connections.join_next().await.is_some() {}
}

/// Why a body was not read.
pub(crate) enum Unread {
    /// The body is larger than the limit; holds its size in bytes.
    TooLarge(usize),
    /// The connection ended before the body was complete.
    Cut,
}

/// Reads a body to its end, even if it is too large: a client does not see the answer while it is still sending.
pub(crate) async fn read(mut body: Incoming, limit: usize) -> Result<Bytes, Unread> {
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0).min(limit);
    let (mut collected, mut length) = (BytesMut::with_capacity(expected), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Cut)?.into_data() else { continue };
        length += data.len();
        if length <= limit {
            collected.extend_from_slice(&data);
        }
    }
    if length > limit { Err(Unread::TooLarge(length)) } else { Ok(collected.freeze()) }
}
