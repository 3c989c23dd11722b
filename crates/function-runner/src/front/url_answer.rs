//! Converts a function's answer to an HTTP response.
//!
//! An object with `statusCode` describes the whole response. Any other JSON becomes the body of a `200`; a string is
//! written without its quotes.
//!
//! The type in `aws_lambda_events` cannot parse every answer: it requires fields that Lambda allows functions to omit.

use std::collections::BTreeMap;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE};
use hyper::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

/// Headers that concern the connection. The server sets them itself.
const OF_THE_CONNECTION: [&str; 5] = ["connection", "keep-alive", "trailer", "transfer-encoding", "upgrade"];

/// The content type of an answer that names none.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Why an answer cannot be converted.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("it is not JSON")]
    NotJson(#[source] serde_json::Error),
    #[error("statusCode, headers, cookies, body or isBase64Encoded has a wrong type")]
    Fields(#[source] serde_json::Error),
    #[error("statusCode is not between 200 and 599")]
    Status,
    #[error("the header {0} cannot be sent")]
    Header(String),
    #[error("isBase64Encoded is true, but the body is not base64")]
    Base64,
}

/// An answer that describes the whole response.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Whole {
    status_code: Status,
    #[serde(default)]
    headers: Option<BTreeMap<String, Plain>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: Option<bool>,
}

/// The value of `statusCode`. Lambda accepts a number and a string of digits.
#[derive(Deserialize)]
#[serde(untagged)]
enum Status {
    Number(u16),
    Text(String),
}

/// A header's value: text, a number or a boolean.
#[derive(Deserialize)]
#[serde(untagged)]
enum Plain {
    Text(String),
    Number(serde_json::Number),
    Truth(bool),
}

/// Creates the response. With `head`, it answers a HEAD request: it keeps the headers of the body and has no body.
///
/// An empty answer becomes `null`. Headers of the connection are left out. Every [`NoAnswer`] leads to a 502.
pub(super) fn response(answer: &Bytes, head: bool) -> Result<Response<Full<Bytes>>, NoAnswer> {
    if answer.trim_ascii().is_empty() {
        return Ok(plain(Bytes::from_static(b"null")));
    }
    let value: Value = serde_json::from_slice(answer).map_err(NoAnswer::NotJson)?;
    if let Value::String(text) = value {
        return Ok(plain(text.into()));
    }
    if value.get("statusCode").is_none() {
        return Ok(plain(answer.clone()));
    }
    let whole: Whole = serde_json::from_value(value).map_err(NoAnswer::Fields)?;
    let code = match whole.status_code {
        Status::Number(code) => Some(code),
        Status::Text(code) => code.parse().ok(),
    };
    let status =
        code.filter(|code| (200..600).contains(code)).and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(NoAnswer::Status)?;
    let text = whole.body.unwrap_or_default();
    let body = if whole.is_base64_encoded == Some(true) {
        base64_simd::STANDARD.decode_to_vec(text).map_err(|_| NoAnswer::Base64)?
    } else {
        text.into_bytes()
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in whole.headers.unwrap_or_default() {
        let value = match value {
            Plain::Text(text) => text,
            Plain::Number(number) => number.to_string(),
            Plain::Truth(truth) => truth.to_string(),
        };
        let parsed = (name.parse::<HeaderName>(), HeaderValue::from_bytes(value.as_bytes()));
        let (Ok(header), Ok(value)) = parsed else { return Err(NoAnswer::Header(name)) };
        // The server sets the length of the body that it sends. Answers to HEAD and 304 have no body, so there the
        // function's own length stays.
        let described = header == CONTENT_LENGTH && !head && status != StatusCode::NOT_MODIFIED;
        if !described && !OF_THE_CONNECTION.contains(&header.as_str()) {
            headers.insert(header, value);
        }
    }
    headers.entry(CONTENT_TYPE).or_insert(JSON);
    for cookie in whole.cookies.unwrap_or_default() {
        let cookie = HeaderValue::from_str(&cookie).map_err(|_| NoAnswer::Header("set-cookie".to_owned()))?;
        headers.append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// A `200` with a JSON body.
fn plain(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn sent(answer: &'static str) -> (u16, Vec<(String, String)>, Vec<u8>) {
        let (parts, body) = response(&Bytes::from(answer), false).unwrap().into_parts();
        let headers = parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8(value.as_bytes().to_vec()).unwrap()));
        (parts.status.as_u16(), headers.collect(), body.collect().await.unwrap().to_bytes().to_vec())
    }

    fn header(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[tokio::test]
    async fn json_without_a_status_is_the_body_of_a_200() {
        let json = vec![header("content-type", "application/json")];
        for answer in [r#"{"message": "hello"}"#, "[1,2]", "7", "null"] {
            assert_eq!(sent(answer).await, (200, json.clone(), answer.as_bytes().to_vec()));
        }
        assert_eq!(sent(r#""say \"hello\"""#).await, (200, json, br#"say "hello""#.to_vec()));
    }

    #[tokio::test]
    async fn status_headers_cookies_and_body_are_the_functions() {
        let answer = r#"{"statusCode": 201, "headers": {"Content-Type": "text/plain", "X-Count": 3, "Content-Length": "99",
            "connection": "close"}, "cookies": ["a=1; HttpOnly", "b=2"], "body": "/wD+", "isBase64Encoded": true}"#;
        let (status, headers, body) = sent(answer).await;
        assert_eq!((status, &body[..]), (201, &[0xff, 0, 0xfe][..]));
        let expected = [
            header("content-type", "text/plain"),
            header("x-count", "3"),
            header("set-cookie", "a=1; HttpOnly"),
            header("set-cookie", "b=2"),
        ];
        assert_eq!(headers, expected);
    }

    #[tokio::test]
    async fn missing_and_null_fields_have_lambdas_defaults() {
        let json = vec![header("content-type", "application/json")];
        let nulls = r#"{"statusCode": "404", "headers": null, "cookies": null, "body": null, "isBase64Encoded": null}"#;
        assert_eq!(sent(nulls).await, (404, json.clone(), Vec::new()));
        assert_eq!(sent(r#"{"statusCode": 200, "body": "grüße"}"#).await, (200, json, "grüße".into()));
    }

    #[test]
    fn the_length_that_an_answer_to_head_describes_stays() {
        let answer = r#"{"statusCode": 200, "headers": {"content-length": "99"}, "body": ""}"#;
        let length =
            |head| response(&Bytes::from(answer), head).unwrap().headers().get(CONTENT_LENGTH).cloned();
        assert_eq!((length(true), length(false)), (Some(HeaderValue::from_static("99")), None));
    }

    #[test]
    fn an_answer_that_is_no_http_is_an_error() {
        for answer in [
            "not json",
            r#"{"statusCode": 99}"#,
            r#"{"statusCode": "ok"}"#,
            r#"{"statusCode": 200, "body": {"a": 1}}"#,
            r#"{"statusCode": 200, "headers": {"bad name": "x"}}"#,
            r#"{"statusCode": 200, "headers": {"x": "a\nb"}}"#,
            r#"{"statusCode": 200, "body": "?", "isBase64Encoded": true}"#,
        ] {
            assert!(response(&Bytes::from(answer), false).is_err(), "{answer}");
        }
    }
}
