//! Requests to a function behind a URL, in Lambda's payload format 2.0, and its answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::function::Function;

/// An answer of a function behind a URL.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The HTTP status code.
    pub status: u64,
    /// The headers, by names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

impl Answered {
    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// The event that Lambda gives to a function for a request. The body is sent in Base64, so it may be any bytes.
#[must_use]
pub fn http_event(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let headers: BTreeMap<&str, &str> = headers.iter().copied().collect();
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": headers,
        "requestContext": {
            "accountId": "anonymous", "apiId": "u", "domainName": "u.lambda-url.us-east-1.on.aws",
            "domainPrefix": "u", "requestId": "r", "routeKey": "$default", "stage": "$default",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "t"},
            "time": "21/Nov/2026:12:00:00 +0000", "timeEpoch": 1_795_262_400_000_i64,
        },
        "body": base64_simd::STANDARD.encode_to_string(body), "isBase64Encoded": true,
    })
    .to_string()
    .into_bytes()
}

impl Function {
    /// Sends a request to a function behind a URL. Panics if the invocation fails or the body is in Base64.
    pub async fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answered {
        let answer = self.invoke(&http_event(method, path, headers, body)).await.answer();
        assert_eq!(answer["isBase64Encoded"], false, "{answer}");
        Answered {
            status: answer["statusCode"].as_u64().unwrap(),
            headers: serde_json::from_value(answer["headers"].clone()).unwrap(),
            body: answer["body"].as_str().unwrap().to_owned(),
        }
    }
}
