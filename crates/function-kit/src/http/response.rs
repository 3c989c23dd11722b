//! Builds an HTTP response in Lambda's payload format 2.0.

use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use aws_lambda_events::event::lambda_function_urls::LambdaFunctionUrlResponse;
use bytes::Bytes;
use serde_json::{Value, json};

/// An HTTP response, with its fields and metrics for the wide event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
    /// The route's pattern, `none` if no handler set it.
    route: &'static str,
    /// Counts for metrics, by name.
    counts: Vec<(&'static str, u64)>,
    /// The reason of a 5xx.
    fault: Option<String>,
}

/// A body; its kind decides whether the payload has it as text or as base64.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Body {
    Text(String),
    Bytes(Bytes),
}

impl Response {
    /// A text response with a content type such as `text/plain; charset=utf-8`. Like all responses it has the header
    /// `Cache-Control: no-store` unless [`Self::header`] replaces it.
    #[must_use]
    pub fn text(status: StatusCode, content_type: &'static str, text: impl Into<String>) -> Self {
        Self::new(status, content_type, Body::Text(text.into()))
    }

    /// A binary response, such as an image.
    #[must_use]
    pub fn bytes(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self::new(status, content_type, Body::Bytes(body.into()))
    }

    /// A JSON response.
    #[must_use]
    pub fn json(status: StatusCode, value: &Value) -> Self {
        Self::text(status, "application/json", value.to_string())
    }

    /// An error response with the body `{"error": "…"}`.
    #[must_use]
    pub fn error(status: StatusCode, error: &str) -> Self {
        Self::json(status, &json!({ "error": error }))
    }

    /// A 503 with `Retry-After: 1`, for a temporary problem.
    #[must_use]
    pub fn unavailable(error: &str) -> Self {
        Self::error(StatusCode::SERVICE_UNAVAILABLE, error).retry_soon()
    }

    /// A 404: there is nothing at this path.
    #[must_use]
    pub fn not_found() -> Self {
        Self::error(StatusCode::NOT_FOUND, "there is nothing at this path")
    }

    /// A 405: the path exists, but does not support the method. `allowed` is the value of `Allow`, such as
    /// `GET, HEAD, POST`.
    #[must_use]
    pub fn method_not_allowed(allowed: &'static str) -> Self {
        let error = format!("this path supports only {allowed}");
        Self::error(StatusCode::METHOD_NOT_ALLOWED, &error)
            .header(header::ALLOW, HeaderValue::from_static(allowed))
    }

    /// Sets a header. Replaces an existing header of the same name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets `Retry-After: 1`: the client may retry after one second.
    #[must_use]
    pub fn retry_soon(self) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// Converts the response to `GET` into the response to `HEAD`: the same status and headers, the `Content-Length` of
    /// the body, and no body.
    #[must_use]
    pub fn without_body(mut self) -> Self {
        // A 304 has no body, and its `Content-Length` would have to be that of the 200 response (RFC 9110, 8.6).
        if self.status != StatusCode::NOT_MODIFIED {
            let length = HeaderValue::from(self.body().len());
            self.headers.insert(header::CONTENT_LENGTH, length);
        }
        self.body = Body::Text(String::new());
        self
    }

    /// Sets the route's pattern, such as `/vehicles/{vin}`, for the wide event.
    #[must_use]
    pub fn route(mut self, pattern: &'static str) -> Self {
        self.route = pattern;
        self
    }

    /// Adds a count as a metric to the wide event.
    #[must_use]
    pub fn count(mut self, name: &'static str, count: u64) -> Self {
        self.counts.push((name, count));
        self
    }

    /// Sets the reason of a 5xx for the wide event. The text must not contain any part of the request.
    #[must_use]
    pub fn because(mut self, fault: impl Into<String>) -> Self {
        self.fault = Some(fault.into());
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        match &self.body {
            Body::Text(text) => text.as_bytes(),
            Body::Bytes(bytes) => bytes,
        }
    }

    pub(super) fn route_pattern(&self) -> &'static str {
        self.route
    }

    pub(super) fn counts(&self) -> &[(&'static str, u64)] {
        &self.counts
    }

    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// A response without a route, counts or fault.
    fn new(status: StatusCode, content_type: &'static str, body: Body) -> Self {
        let headers = HeaderMap::from_iter([
            (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ]);
        Self { status, headers, body, route: "none", counts: Vec::new(), fault: None }
    }

    /// Converts the response to Lambda's payload: text unchanged, bytes as base64.
    pub(super) fn into_payload(self) -> LambdaFunctionUrlResponse {
        let (body, is_base64_encoded) = match self.body {
            Body::Text(text) => (text, false),
            Body::Bytes(bytes) => (base64_simd::STANDARD.encode_to_string(bytes), true),
        };
        // The type is `#[non_exhaustive]`, so it cannot be built with a struct expression.
        let mut payload = LambdaFunctionUrlResponse::default();
        payload.status_code = self.status.as_u16().into();
        payload.headers = self.headers;
        payload.body = Some(body);
        payload.is_base64_encoded = is_base64_encoded;
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The response as Lambda gets it.
    fn payload(response: Response) -> Value {
        serde_json::to_value(response.into_payload()).unwrap()
    }

    #[test]
    fn text_is_sent_unchanged_and_bytes_are_sent_as_base64() {
        let text = payload(Response::text(StatusCode::OK, "text/plain; charset=utf-8", "grüße"));
        assert_eq!(
            (&text["statusCode"], &text["body"], &text["isBase64Encoded"]),
            (&json!(200), &json!("grüße"), &json!(false))
        );
        assert_eq!(
            text["headers"],
            json!({"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"})
        );
        let bytes = payload(Response::bytes(StatusCode::OK, "image/png", vec![0xff, 0, 0xfe]));
        assert_eq!((&bytes["body"], &bytes["isBase64Encoded"]), (&json!("/wD+"), &json!(true)));
    }

    #[test]
    fn an_error_is_json_with_no_store_and_names_the_allowed_methods() {
        let busy = payload(Response::unavailable("no broker"));
        assert_eq!((&busy["statusCode"], &busy["body"]), (&json!(503), &json!(r#"{"error":"no broker"}"#)));
        assert_eq!(busy["headers"]["retry-after"], "1");
        assert_eq!(busy["headers"]["cache-control"], "no-store");
        let wrong = payload(Response::method_not_allowed("GET, POST"));
        assert_eq!((&wrong["statusCode"], &wrong["headers"]["allow"]), (&json!(405), &json!("GET, POST")));
        assert_eq!(payload(Response::not_found())["statusCode"], 404);
    }

    #[test]
    fn a_response_without_body_keeps_status_headers_and_content_length() {
        let whole = Response::bytes(StatusCode::NOT_FOUND, "image/png", vec![0xff, 0, 0xfe]);
        let expected = payload(whole.clone());
        let mut head = payload(whole.without_body());
        assert_eq!((&head["body"], &head["isBase64Encoded"]), (&json!(""), &json!(false)));
        assert_eq!(head["headers"]["content-length"], "3");
        head["headers"].as_object_mut().unwrap().remove("content-length");
        assert_eq!((&head["statusCode"], &head["headers"]), (&expected["statusCode"], &expected["headers"]));
        let unchanged = Response::text(StatusCode::NOT_MODIFIED, "text/css", "").without_body();
        assert_eq!(unchanged.headers().get(header::CONTENT_LENGTH), None);
    }

    #[test]
    fn a_header_replaces_an_earlier_one_of_the_same_name() {
        let response = Response::text(StatusCode::OK, "text/css", "")
            .header(header::CACHE_CONTROL, HeaderValue::from_static("max-age=3600"));
        assert_eq!(response.headers()[header::CACHE_CONTROL], "max-age=3600");
        assert_eq!(payload(response)["headers"]["cache-control"], "max-age=3600");
    }
}
