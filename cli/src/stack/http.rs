//! HTTP requests to the parts of a stack on this machine.

use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::CONTENT_TYPE;
use hyper::{Request, Uri};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;

const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(20);

/// A status and a body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// GET of `path` at the host of `endpoint`.
pub(crate) async fn get(endpoint: &str, path: &str) -> anyhow::Result<Answer> {
    exchange(Request::get(url(endpoint, path)?).body(Full::default())?).await
}

/// PUT of a JSON body.
pub(crate) async fn put_json(
    endpoint: &str,
    path: &str,
    body: &impl serde::Serialize,
) -> anyhow::Result<Answer> {
    let request = Request::put(url(endpoint, path)?).header(CONTENT_TYPE, "application/json");
    exchange(request.body(Full::from(serde_json::to_vec(body)?))?).await
}

async fn exchange(request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT));
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let exchange = async {
        let answer = client.request(request).await?;
        let status = answer.status().as_u16();
        anyhow::Ok(Answer { status, body: answer.into_body().collect().await?.to_bytes() })
    };
    tokio::time::timeout(ANSWER, exchange).await.context("no answer within 20 seconds")?
}

fn url(endpoint: &str, path: &str) -> anyhow::Result<String> {
    Ok(format!("http://{}{path}", authority(endpoint)?))
}

/// `host:port` of an `http://` address.
pub(crate) fn authority(endpoint: &str) -> anyhow::Result<String> {
    let uri = endpoint.parse::<Uri>().ok().filter(|uri| uri.scheme_str() == Some("http"));
    let Some(host) = uri.as_ref().and_then(Uri::host) else {
        bail!("the emulator's address must start with http:// ({endpoint} does not)");
    };
    Ok(format!("{host}:{}", uri.as_ref().and_then(Uri::port_u16).unwrap_or(80)))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Sends a request to a server that answers with these bytes. Returns the bytes of the request, too.
    async fn answered(bytes: &'static [u8]) -> (Answer, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/", listener.local_addr().unwrap());
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"[1]") {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
            }
            stream.write_all(bytes).await.unwrap();
            String::from_utf8(request).unwrap()
        };
        let (answer, request) = tokio::join!(put_json(&endpoint, "/x", &[1]), server);
        (answer.unwrap(), request)
    }

    #[tokio::test]
    async fn an_answer_is_parsed_whole_or_in_chunks() {
        let (whole, request) = answered(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
        assert_eq!((whole.status, &whole.body[..]), (200, b"hi".as_slice()));
        let (chunks, _) =
            answered(b"HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n")
                .await;
        assert_eq!((chunks.status, &chunks.body[..]), (503, b"hi!".as_slice()));
        assert!(request.starts_with("PUT /x HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("content-type: application/json\r\n"), "{request}");
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhi").await.unwrap();
        };
        let (answer, ()) = tokio::join!(get(&endpoint, "/x"), server);
        assert!(answer.is_err(), "{answer:?}");
    }

    #[test]
    fn only_plain_addresses_are_taken() {
        assert_eq!(authority("http://127.0.0.1:4566/").unwrap(), "127.0.0.1:4566");
        assert_eq!(authority("http://emulator").unwrap(), "emulator:80");
        assert!(authority("https://localhost").is_err());
    }
}
