//! Parses an HTTP request from Lambda's payload format 2.0.

use std::collections::BTreeMap;

use ::http::{HeaderMap, Method};
use aws_lambda_events::event::lambda_function_urls::LambdaFunctionUrlRequest;
use bytes::Bytes;

/// An HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The percent-encoded path as the client sent it, without the query.
    pub path: String,
    /// The decoded query parameters. Lambda joins the values of a repeated parameter with commas.
    pub query: BTreeMap<String, String>,
    /// The headers. Lambda joins the values of a repeated header with commas.
    pub headers: HeaderMap,
    /// The body as the client sent it; base64 is already decoded.
    pub body: Bytes,
}

/// The payload is not an HTTP request. The error text contains no part of the payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event is not an HTTP request in payload format 2.0: {0}")]
pub struct NotHttp(String);

impl Request {
    /// Parses the payload of a Function URL or an HTTP API.
    ///
    /// # Errors
    /// [`NotHttp`] if the payload is not of format 2.0, has no method or path, or has a body that is not
    /// base64 although it says so.
    pub fn from_payload(payload: &str) -> Result<Self, NotHttp> {
        let event: LambdaFunctionUrlRequest = serde_json::from_str(payload)
            // The parser's own message is not used because it quotes values of the payload.
            .map_err(|error| NotHttp(format!("{:?} error at byte {}", error.classify(), error.column())))?;
        if event.version.as_deref() != Some("2.0") {
            return Err(NotHttp("it has another version".into()));
        }
        let method = event.request_context.http.method.and_then(|method| method.parse().ok());
        let body = event.body.unwrap_or_default();
        let body = if event.is_base64_encoded {
            let decoded = base64_simd::STANDARD.decode_to_vec(body);
            decoded.map_err(|_| NotHttp("its body is not base64".into()))?
        } else {
            body.into_bytes()
        };
        Ok(Self {
            method: method.ok_or_else(|| NotHttp("it has no method".into()))?,
            path: event.raw_path.ok_or_else(|| NotHttp("it has no path".into()))?,
            query: event.query_string_parameters.into_iter().collect(),
            headers: event.headers,
            body: body.into(),
        })
    }

    /// The value of a header. `name` must be in lower case. Returns `None` if the header is missing or contains
    /// characters other than visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A payload as a Function URL sends it, including the fields that this module ignores.
    fn payload(body: &Value, is_base64: bool) -> Value {
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": "/events/a%20b",
            "rawQueryString": "n=1&n=2&x=%C3%BC", "cookies": ["a=b"],
            "headers": {"content-type": "application/json", "user-agent": "naïve", "X-Upper": "1"},
            "queryStringParameters": {"n": "1,2", "x": "ü"},
            "requestContext": {
                "accountId": "anonymous", "apiId": "u", "domainName": "u.lambda-url.us-east-1.on.aws",
                "domainPrefix": "u", "requestId": "r", "routeKey": "$default", "stage": "$default",
                "authorizer": {"jwt": {"claims": {}, "scopes": null}},
                "http": {"method": "POST", "path": "/events", "protocol": "HTTP/1.1", "sourceIp": "::1", "userAgent": "c"},
                "time": "21/Nov/2026:12:00:00 +0000", "timeEpoch": 1_795_262_400_000_i64,
            },
            "body": body, "isBase64Encoded": is_base64,
        })
    }

    /// The request of a payload.
    fn read(payload: &Value) -> Result<Request, NotHttp> {
        Request::from_payload(&payload.to_string())
    }

    #[test]
    fn a_request_of_a_function_url_or_an_http_api_is_parsed_completely() {
        let request = read(&payload(&json!("{}"), false)).unwrap();
        assert_eq!((&request.method, request.path.as_str()), (&Method::POST, "/events/a%20b"));
        assert_eq!(request.query, BTreeMap::from([("n".into(), "1,2".into()), ("x".into(), "ü".into())]));
        assert_eq!(
            (request.header("content-type"), request.header("x-upper")),
            (Some("application/json"), Some("1"))
        );
        assert_eq!((request.header("user-agent"), request.header("missing")), (None, None), "not plain text");
        assert_eq!(&request.body[..], b"{}");
    }

    #[test]
    fn a_body_has_the_bytes_that_the_client_sent() {
        assert_eq!(&read(&payload(&json!("/wD+"), true)).unwrap().body[..], [0xff, 0, 0xfe]);
        assert_eq!(&read(&payload(&json!("/wD+"), false)).unwrap().body[..], b"/wD+");
        let mut without = payload(&Value::Null, false);
        assert!(read(&without).unwrap().body.is_empty());
        without.as_object_mut().unwrap().remove("body");
        without.as_object_mut().unwrap().remove("queryStringParameters");
        assert!(read(&without).unwrap().body.is_empty());
    }

    #[test]
    fn another_payload_is_rejected_without_quoting_it() {
        let mut other_version = payload(&json!("secret"), false);
        other_version["version"] = json!("1.0");
        let mut no_method = payload(&json!("secret"), false);
        no_method["requestContext"]["http"] = json!({});
        let events = [
            json!({}),
            json!("secret"),
            json!({"Records": [{"body": "secret"}]}),
            payload(&json!({"secret": 1}), false),
            payload(&json!("secret!"), true),
            other_version,
            no_method,
        ];
        for event in events {
            let error = read(&event).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
