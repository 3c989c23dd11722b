//! A source with pages that are connected by links, and with a token in a header.

use serde_json::{Value, json};

use crate::server::{Bench, MINUTE, Reply, Server, TOKEN};

/// The second source of README.md, at a base URL.
fn orders(base: &str) -> Value {
    json!({
        "name": "orders", "url": format!("{base}/v2/orders?region={{item}}&limit=500"), "items": ["south"],
        "headers": {"authorization": "Bearer {token}", "accept": "application/json"},
        "require": ["/orders"], "next": "/links/next",
        "target": "s3://raw/raw/shop/orders/orders_{time}_{item}.jsonl",
        "token_secret": "arn:aws:secretsmanager:sa-east-1:000000000000:secret:shop"
    })
}

/// The path and query of the first page.
const FIRST: &str = "/v2/orders?region=south&limit=500";
/// The key of the object with all pages.
const KEY: &str = "raw/shop/orders/orders_20261126T230005Z_south.jsonl";

/// A fetcher for the orders of this server.
fn bench(server: &Server) -> Bench {
    Bench::new(&orders(&server.url("")), &[])
}

/// An answer of the orders API: a list, and a link to the next page.
fn page(orders: &str, next: &Value) -> Reply {
    Reply::ok(format!("{{\r\n \"orders\": {orders},\n \"links\": {{\"next\": {next}}}\n}}\n"))
}

/// The reason why the item fails.
async fn refused(server: &Server) -> String {
    let bench = bench(server);
    let report = bench.run(&["south"], MINUTE).await;
    assert!(bench.objects.keys().is_empty(), "{report:?}");
    report.failed[0].reason.clone()
}

#[tokio::test]
async fn all_pages_become_lines_of_one_object_and_every_request_has_the_token() {
    let server = Server::start().await;
    // A relative link, an absolute link, and an empty page before the last one.
    server.on(FIRST, [page(r#"[{"id":1,"sum":10.50,"text":"a\nb"}]"#, &json!("?page=2"))]);
    server.on("/v2/orders?page=2", [page("[]", &json!(server.url("/v2/orders?page=3#x")))]);
    server.on("/v2/orders?page=3", [page(r#"[{"id":12345678901234567890123,"name":"São"}]"#, &Value::Null)]);
    let bench = bench(&server);
    let report = bench.run(&["south"], MINUTE).await;
    assert_eq!((report.stored_count, report.stored[0].key.as_str()), (1, KEY), "{report:?}");
    let text = bench.objects.text(KEY);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    let ids: Vec<Value> =
        lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["orders"].take()).collect();
    assert_eq!(ids[1], json!([]));
    for as_written in [r#""sum":10.50"#, r#""a\nb""#, "12345678901234567890123", "São"] {
        assert!(text.contains(as_written), "{as_written} is not in {text}");
    }
    for seen in server.seen() {
        assert_eq!(seen.headers["authorization"], format!("Bearer {TOKEN}"));
        assert_eq!(
            (seen.headers["accept-encoding"].as_str(), seen.headers["user-agent"].as_str()),
            ("identity", "headwater")
        );
    }
}

#[tokio::test]
async fn links_that_form_a_circle_are_an_error_and_nothing_is_stored() {
    let server = Server::start().await;
    server.on(FIRST, [page("[1]", &json!(FIRST))]);
    assert!(refused(&server).await.contains("page 1: its link leads to a page that was read already"));
    server.on(FIRST, [page("[1]", &json!("?page=2"))]);
    server.on("/v2/orders?page=2", [page("[2]", &json!("?page=3"))]);
    server.on("/v2/orders?page=3", [page("[3]", &json!("?page=2"))]);
    assert!(refused(&server).await.contains("page 3: its link"));
}

#[tokio::test]
async fn an_invalid_page_is_named_and_nothing_is_stored() {
    let server = Server::start().await;
    server.on(FIRST, [page("[1]", &json!("?page=2"))]);
    for (reply, reason) in [
        (Reply::new(403, &[], "no"), "page 2: HTTP 403: no"),
        (
            Reply::ok(r#"{"error":"cursor expired"}"#),
            "page 2: the answer has no /orders: {\"error\":\"cursor expired\"}",
        ),
        (page("[2]", &json!(3)), "page 2: /links/next of the answer is not a text"),
        (
            page("[2]", &json!("https://evil.example/orders")),
            "page 2: the link to the next page is not followed: it leads to another host",
        ),
    ] {
        server.on("/v2/orders?page=2", [reply]);
        let refused = refused(&server).await;
        assert!(refused.starts_with(reason), "{refused}");
    }
}

#[tokio::test]
async fn only_the_failed_page_is_requested_again() {
    let server = Server::start().await;
    server.on(FIRST, [page("[1]", &json!("?page=2"))]);
    server.on("/v2/orders?page=2", [Reply::new(503, &[], ""), page("[2]", &Value::Null)]);
    let report = bench(&server).run(&["south"], MINUTE).await;
    assert_eq!((report.stored_count, report.retries), (1, 1), "{report:?}");
    assert_eq!((server.count(FIRST), server.count("/v2/orders?page=2")), (1, 2));
}
