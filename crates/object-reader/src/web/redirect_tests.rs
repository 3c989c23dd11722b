//! Redirects are followed on the same host and to other hosts, with the range of the request. A loop ends
//! with an error, and no redirect leads from HTTPS to HTTP.

use std::sync::{Arc, Mutex};

use rcgen::CertifiedKey;
use rustls::pki_types::PrivateKeyDer;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::source::ObjectSource;

/// Method, path and range of a request.
type Asked = (String, String, Option<String>);

/// A web server whose answers a test chooses.
struct Site {
    port: u16,
    seen: Arc<Mutex<Vec<Asked>>>,
}

impl Site {
    /// Starts a server. `answer` makes the whole response from the path and the `Range` header of a request.
    async fn start(
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&str, Option<&str>) -> String + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site = Self { port: listener.local_addr().unwrap().port(), seen: Arc::default() };
        let (seen, answer) = (Arc::clone(&site.seen), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, answer, tls) = (Arc::clone(&seen), Arc::clone(&answer), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => serve(tls.accept(stream).await.unwrap(), &seen, &*answer).await,
                        None => serve(stream, &seen, &*answer).await,
                    }
                });
            }
        });
        site
    }

    /// The URL of a path on this server, over HTTP.
    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The requests in the order in which they arrived.
    fn seen(&self) -> Vec<Asked> {
        self.seen.lock().unwrap().clone()
    }
}

/// Answers one request and closes the connection.
async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    seen: &Mutex<Vec<Asked>>,
    answer: &impl Fn(&str, Option<&str>) -> String,
) {
    let mut stream = BufReader::new(stream);
    let (mut first, mut range) = (String::new(), None);
    stream.read_line(&mut first).await.unwrap();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap() == 0 {
            return;
        }
        match line.trim().split_once(": ") {
            Some(("range", value)) => range = Some(value.to_owned()),
            Some(_) => {}
            None => break,
        }
    }
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let mut answer = answer(&path, range.as_deref());
    if method == "HEAD" {
        answer.truncate(answer.find("\r\n\r\n").unwrap() + 4);
    }
    seen.lock().unwrap().push((method, path, range));
    stream.write_all(answer.as_bytes()).await.unwrap();
    // The reader may be gone.
    let _ = stream.shutdown().await;
}

/// A redirect with this status to `link`.
fn to(status: u16, link: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nlocation: {link}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

/// An answer with the `ETag` `"1"` that promises `length` bytes.
fn file(status: u16, length: usize, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\netag: \"1\"\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// The folder at `url`, with the public certificate authorities.
fn folder(url: &str) -> WebFolder {
    WebFolder::new(url.parse().unwrap()).unwrap()
}

/// Asks for the state of `path`, and then for its content.
async fn read(folder: WebFolder, path: &str) -> Result<Vec<u8>, ReadError> {
    let source = ObjectSource::Web(Box::new(folder));
    let version = source.head(path, deadline()).await?.expect("the file is there");
    source.read(path, &version, 0, deadline()).rest().await
}

/// The error message of a permanent fault.
async fn refusal(folder: WebFolder) -> String {
    let error = folder.head("a", deadline()).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error}");
    error.to_string()
}

#[tokio::test]
async fn redirects_on_the_same_host_are_followed() {
    for status in [301, 302, 303, 307, 308] {
        let site = Site::start(None, move |path, _| match path {
            "/a" => to(status, "/moved/a?version=2"),
            "/moved/a?version=2" => file(200, 3, "abc"),
            _ => file(404, 0, ""),
        });
        let site = site.await;
        assert_eq!(read(folder(&site.url("")), "a").await.unwrap(), b"abc", "{status}");
        let methods: Vec<String> = site.seen().into_iter().map(|(method, _, _)| method).collect();
        assert_eq!(methods, ["HEAD", "HEAD", "GET", "GET"], "{status}");
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_is_followed() {
    let other = Site::start(None, |_, _| file(200, 3, "abc")).await;
    let elsewhere = other.url("/x");
    let site = Site::start(None, move |_, _| to(302, &elsewhere)).await;
    assert_eq!(read(folder(&site.url("")), "a").await.unwrap(), b"abc");
}

#[tokio::test]
async fn a_404_after_a_redirect_means_that_the_file_does_not_exist() {
    let site = Site::start(None, |path, _| if path == "/a" { to(302, "/b") } else { file(404, 0, "") }).await;
    assert!(folder(&site.url("")).head("a", deadline()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_redirect_loop_is_an_error_after_five_redirects() {
    let site = Site::start(None, |_, _| to(302, "/a")).await;
    let said = refusal(folder(&site.url(""))).await;
    assert!(said.contains("more than 5 redirects"), "{said}");
    assert_eq!(site.seen().len(), 6);
}

#[tokio::test]
async fn a_redirect_without_a_link_is_an_error() {
    let site = Site::start(None, |_, _| file(302, 0, "")).await;
    let said = refusal(folder(&site.url(""))).await;
    assert!(said.contains("HTTP 302"), "{said}");
}

#[tokio::test]
async fn a_redirect_never_leads_from_https_to_http() {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let plain = Site::start(None, |_, _| file(200, 3, "abc")).await;
    let elsewhere = plain.url("/x");
    let tls = Some(TlsAcceptor::from(Arc::new(config)));
    let site = Site::start(tls, move |path, _| match path {
        "/a" => to(302, &elsewhere),
        // A proxy that ends TLS lets its server write such links. The host is asked again over HTTPS.
        "/b" => to(302, "http://localhost/c"),
        _ => file(200, 3, "abc"),
    });
    let site = site.await;
    let base = format!("https://localhost:{}", site.port).parse().unwrap();
    let folder = WebFolder { client: web_client(roots).unwrap(), base };
    let said = refusal(folder.clone()).await;
    assert!(said.contains("it leads from HTTPS to HTTP on another host"), "{said}");
    assert_eq!(plain.seen(), []);
    assert_eq!(read(folder, "b").await.unwrap(), b"abc");
}

#[tokio::test]
async fn a_broken_body_is_continued_through_the_redirect() {
    let other = Site::start(None, |_, range| match range {
        None => file(200, 6, "abc"),
        Some("bytes=3-") => file(206, 3, "def"),
        Some(_) => file(416, 0, ""),
    });
    let other = other.await;
    let elsewhere = other.url("/x");
    let site = Site::start(None, move |_, _| to(307, &elsewhere)).await;
    assert_eq!(read(folder(&site.url("")), "a").await.unwrap(), b"abcdef");
    for (site, path) in [(site, "/a"), (other, "/x")] {
        let get = |range: Option<&str>| ("GET".to_owned(), path.to_owned(), range.map(str::to_owned));
        assert_eq!(site.seen()[1..], [get(None), get(Some("bytes=3-"))]);
    }
}
