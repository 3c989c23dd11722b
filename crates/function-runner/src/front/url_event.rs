//! Builds the event of an HTTP request, in payload format 2.0.
//!
//! The type in `aws_lambda_events` is not used: it has no `routeKey` and `stage`, and it cannot hold header values that
//! are not ASCII.

use std::collections::BTreeMap;

use hyper::header::{COOKIE, HOST, HeaderMap, USER_AGENT};
use hyper::http::request::Parts;
use serde::Serialize;
use uuid::Uuid;

/// Headers that concern only the connection. The event does not contain them.
const OF_THE_CONNECTION: [&str; 5] = ["connection", "keep-alive", "te", "transfer-encoding", "upgrade"];

/// The event in payload format 2.0.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'static str,
    route_key: &'static str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query_string_parameters: BTreeMap<String, String>,
    request_context: Context<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    is_base64_encoded: bool,
}

/// The event's `requestContext`, for a URL without authentication.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    account_id: &'static str,
    api_id: &'a str,
    domain_name: String,
    domain_prefix: &'a str,
    http: Http<'a>,
    request_id: String,
    route_key: &'static str,
    stage: &'static str,
    time: String,
    time_epoch: i64,
}

/// The event's `requestContext.http`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    protocol: String,
    source_ip: &'static str,
    user_agent: String,
}

/// Builds the event of a request to the function's URL. `path` is the request's path without the prefix `/url/{name}`.
pub(super) fn event(name: &str, path: &str, port: u16, parts: &Parts, body: &[u8]) -> Vec<u8> {
    let now = chrono::Utc::now();
    let query = parts.uri.query().unwrap_or_default();
    let host = text(&parts.headers, HOST.as_str()).unwrap_or_else(|| format!("127.0.0.1:{port}"));
    let mut headers = headers(&parts.headers);
    // Headers that Lambda's front end adds.
    for (name, value) in [
        ("host", host.clone()),
        ("x-forwarded-for", "127.0.0.1".to_owned()),
        ("x-forwarded-port", port.to_string()),
        ("x-forwarded-proto", "http".to_owned()),
    ] {
        headers.entry(name.to_owned()).or_insert(value);
    }
    let (body, is_base64_encoded) = encoded(&parts.headers, body);
    let event = Event {
        version: "2.0",
        route_key: "$default",
        raw_path: path,
        raw_query_string: query,
        cookies: cookies(&parts.headers),
        headers,
        query_string_parameters: parameters(query),
        request_context: Context {
            account_id: "anonymous",
            api_id: name,
            domain_name: host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name).to_owned(),
            domain_prefix: name,
            http: Http {
                method: parts.method.as_str(),
                path,
                protocol: format!("{:?}", parts.version),
                source_ip: "127.0.0.1",
                user_agent: text(&parts.headers, USER_AGENT.as_str()).unwrap_or_default(),
            },
            request_id: Uuid::new_v4().to_string(),
            route_key: "$default",
            stage: "$default",
            time: now.format("%d/%b/%Y:%H:%M:%S %z").to_string(),
            time_epoch: now.timestamp_millis(),
        },
        body,
        is_base64_encoded,
    };
    // Serialisation cannot fail because all values are strings and numbers.
    serde_json::to_vec(&event).unwrap_or_default()
}

/// All values of a header, joined with commas.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<_> =
        headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// The headers, with names in lower case. Cookies are left out, because the event has its own field for them.
fn headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    headers
        .keys()
        .filter(|name| *name != COOKIE && !OF_THE_CONNECTION.contains(&name.as_str()))
        .filter_map(|name| Some((name.as_str().to_owned(), text(headers, name.as_str())?)))
        .collect()
}

/// The cookies of all `Cookie` headers, one by one, as `name=value`.
fn cookies(headers: &HeaderMap) -> Vec<String> {
    let all = headers.get_all(COOKIE).iter();
    let each = all.flat_map(|value| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        value.split(';').map(|cookie| cookie.trim().to_owned()).collect::<Vec<_>>()
    });
    each.filter(|cookie| !cookie.is_empty()).collect()
}

/// The decoded parameters of the query. The values of a repeated parameter are joined with commas.
fn parameters(query: &str) -> BTreeMap<String, String> {
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        parameters
            .entry(name.into_owned())
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    parameters
}

/// Returns the body as text if its content type is text, otherwise as base64. Like Lambda, it encodes form bodies as
/// base64.
fn encoded(headers: &HeaderMap, body: &[u8]) -> (Option<String>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    let kind = text(headers, "content-type").unwrap_or_default().to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let textual = kind.starts_with("text/")
        || ["application/json", "application/javascript", "application/xml"].contains(&kind);
    match std::str::from_utf8(body) {
        Ok(text) if textual && !headers.contains_key("content-encoding") => (Some(text.to_owned()), false),
        _ => (Some(base64_simd::STANDARD.encode_to_string(body)), true),
    }
}

#[cfg(test)]
mod tests {
    use function_kit::http::Request as Read;
    use hyper::Request;
    use serde_json::{Value, json};

    use super::*;

    fn sent(uri: &str, headers: &[(&str, &[u8])], body: &[u8]) -> Value {
        let mut request = Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let path = parts.uri.path().strip_prefix("/url/f").unwrap().to_owned();
        serde_json::from_slice(&event("f", &path, 4567, &parts, body)).unwrap()
    }

    #[test]
    fn names_are_in_lower_case_values_are_joined_and_cookies_are_apart() {
        let headers: [(&str, &[u8]); 6] = [
            ("Host", b"127.0.0.1:4567"),
            ("X-Twice", b"a"),
            ("x-twice", b"b"),
            ("Cookie", b"one=1; two=2"),
            ("Connection", b"keep-alive"),
            ("User-Agent", "na\u{ef}ve".as_bytes()),
        ];
        let event = sent("/url/f/a%20b/?n=1&n=2&x=%C3%BC+y&flag", &headers, b"");
        assert_eq!((&event["version"], &event["rawPath"]), (&json!("2.0"), &json!("/a%20b/")));
        assert_eq!(event["rawQueryString"], "n=1&n=2&x=%C3%BC+y&flag");
        assert_eq!(event["queryStringParameters"], json!({"n": "1,2", "x": "ü y", "flag": ""}));
        assert_eq!(event["cookies"], json!(["one=1", "two=2"]));
        assert_eq!(event["headers"]["x-twice"], "a,b");
        assert_eq!(event["headers"]["user-agent"], "naïve");
        assert!(event["headers"].get("cookie").is_none() && event["headers"].get("connection").is_none());
        assert_eq!(event["requestContext"]["domainName"], "127.0.0.1");
        let http = &event["requestContext"]["http"];
        assert_eq!((&http["method"], &http["protocol"]), (&json!("POST"), &json!("HTTP/1.1")));
        assert!(event.get("body").is_none() && event["isBase64Encoded"] == json!(false));
    }

    #[test]
    fn a_body_is_text_where_its_type_says_so_and_base64_otherwise() {
        for (headers, body, expected, base64) in [
            (&[("content-type", &b"application/json; charset=utf-8"[..])][..], &b"{}"[..], "{}", false),
            (&[("content-type", b"text/plain")], "grüße".as_bytes(), "grüße", false),
            (&[("content-type", b"text/plain")], &[0xff, 0, 0xfe], "/wD+", true),
            (&[("content-type", b"text/plain"), ("content-encoding", b"gzip")], b"{}", "e30=", true),
            (&[("content-type", b"application/x-www-form-urlencoded")], b"a=b", "YT1i", true),
            (&[], b"{}", "e30=", true),
        ] {
            let event = sent("/url/f/", headers, body);
            assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!(expected), &json!(base64)));
        }
    }

    #[test]
    fn functions_read_the_request_as_it_was_sent() {
        let headers: [(&str, &[u8]); 1] = [("content-type", b"image/png")];
        let read = Read::from_payload(&sent("/url/f/x?n=1", &headers, &[0xff, 0]).to_string()).unwrap();
        assert_eq!(
            (read.method.as_str(), read.path.as_str(), &read.body[..]),
            ("POST", "/x", &[0xff, 0][..])
        );
        assert_eq!((read.header("content-type"), read.query["n"].as_str()), (Some("image/png"), "1"));
    }
}
