//! Only the source's own server gets the token; it appears nowhere else.

use forecast_fetcher::invocation;
use function_kit::telemetry::WideEvent;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use crate::server::{Bench, Reply, Server, TOKEN, WEATHER, path, weather};

/// The test token, percent-encoded as in the URL.
const ENCODED: &str = "s3cr3t%2BToken%2F42%3D%3D";

/// The weather source with its token in the URL and in two headers.
fn guarded(base: &str) -> Value {
    let mut source = weather(base);
    source["url"] = json!(format!("{base}/locale/{{item}}/hours/72?token={{token}}"));
    source["headers"] = json!({"authorization": "Bearer {token}", "x-api-key": "{token}"});
    source["token_secret"] = json!("name");
    source
}

/// The answer and the log line of a short run, and the `Debug` output of the fetcher.
async fn said(bench: &Bench) -> String {
    let mut event = WideEvent::new("r-1");
    let deadline = Instant::now() + Duration::from_secs(2);
    let answer = invocation(&bench.fetcher, r#"{"at":"2026-11-26T23:00:05Z"}"#, deadline, &mut event).await;
    format!("{answer:?}\n{}\n{:?}", event.line(None), bench.fetcher)
}

/// Asserts that no part of the token is in the text.
fn is_clean(said: &str) {
    let lower = said.to_lowercase();
    assert!(
        !lower.contains("s3cr3t") && !lower.contains("token/42") && !lower.contains("token%2f"),
        "{said}"
    );
}

#[tokio::test]
async fn a_token_with_special_characters_is_sent_and_never_logged() {
    let server = Server::start().await;
    let asked = format!("{}?token={ENCODED}", path("3477"));
    server.on(&asked, [Reply::weather()]);
    let bench = Bench::new(&guarded(&server.url("")), &[]);
    let said = said(&bench).await;
    assert!(said.contains("\"stored_count\": Number(1)"), "{said}");
    is_clean(&said);
    let seen = &server.seen()[0];
    assert_eq!((seen.path.as_str(), seen.headers["x-api-key"].as_str()), (asked.as_str(), TOKEN));
    assert_eq!(bench.objects.text(&crate::server::key("3477")), WEATHER);
}

/// Servers repeat the request in their error messages, with various escapes.
#[tokio::test]
async fn a_token_that_the_server_quotes_is_hidden_in_the_reason() {
    let server = Server::start().await;
    let asked = format!("{}?token={ENCODED}", path("3477"));
    let html = TOKEN.replace('+', "&#43;").replace('/', "&#x2F;");
    let json = TOKEN.replace('/', "\\/").replace('+', "\\u002b");
    for spelling in [TOKEN, ENCODED, &ENCODED.to_lowercase(), &TOKEN.to_uppercase(), &html, &json] {
        for reply in [
            Reply::new(401, &[], format!("{{\"error\":\"bad token {spelling} in {asked}\"}}")),
            Reply::new(500, &[], format!("{}{spelling}", "x".repeat(190))),
            Reply::ok(format!("{{\"error\":\"bad token {spelling}\"}}")),
            Reply::new(200, &[("content-encoding", spelling)], ""),
            Reply::new(302, &[("location", &format!("https://{spelling}.example/?t={spelling}"))], ""),
            Reply::new(429, &[("retry-after", spelling)], format!("token={spelling}")),
        ] {
            server.on(&asked, [reply]);
            is_clean(&said(&Bench::new(&guarded(&server.url("")), &[])).await);
        }
    }
}

#[tokio::test]
async fn errors_of_the_connection_do_not_quote_the_url() {
    let server = Server::start().await;
    let asked = format!("{}?token={ENCODED}", path("3477"));
    for broken in [Reply::Raw(Vec::new()), Reply::Raw(b"nonsense\r\n\r\n".to_vec()), Reply::Hang] {
        server.on(&asked, [broken]);
        is_clean(&said(&Bench::new(&guarded(&server.url("")), &[])).await);
    }
    is_clean(&said(&Bench::new(&guarded(&Server::nobody().url("")), &[])).await);
}

/// The other host would get the token with the URL or the headers.
#[tokio::test]
async fn a_source_with_a_token_sends_no_request_to_another_host() {
    let (server, other) = (Server::start().await, Server::start().await);
    other.on("/stolen", [Reply::weather()]);
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = Reply::new(status, &[("location", &other.url("/stolen"))], "");
        server.on(&format!("{}?token={ENCODED}", path("3477")), [elsewhere]);
        let said = said(&Bench::new(&guarded(&server.url("")), &[])).await;
        assert!(said.contains("it leads to another host"), "{said}");
        is_clean(&said);
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn without_a_token_a_redirect_to_another_host_is_followed_without_configured_headers() {
    let (server, other) = (Server::start().await, Server::start().await);
    let mut source = weather(&server.url(""));
    source["headers"] = json!({"x-customer": "ours", "user-agent": "shop/1"});
    server.on(&path("3477"), [Reply::new(302, &[("location", &other.url("/file"))], "")]);
    other.on("/file", [Reply::weather()]);
    let report = Bench::new(&source, &[]).run(&["3477"], Duration::from_mins(1)).await;
    assert_eq!(report.stored_count, 1, "{report:?}");
    assert_eq!(server.seen()[0].headers["x-customer"], "ours");
    let headers = &other.seen()[0].headers;
    assert!(!headers.contains_key("x-customer") && headers["user-agent"] == "shop/1", "{headers:?}");
}
