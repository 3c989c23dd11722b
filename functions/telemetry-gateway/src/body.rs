//! Parses a request's body into events and rejections, by its content type.

use function_kit::http::{HeaderMap, header};

use crate::event::Event;
use crate::fields::Rejection;
use crate::form;
use crate::json::{self, Items};

/// The largest number of events in one request. More do not fit into a body of the default size limit.
pub(crate) const MOST_EVENTS: usize = 10_000;

/// The longest `Idempotency-Key`, in characters.
pub(crate) const MOST_KEY_CHARS: usize = 200;

/// The content of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Posted {
    /// A single event.
    One(Result<Event, Rejection>),
    /// A list of events in their order; the list may have one event or none.
    Many(Vec<Result<Event, Rejection>>),
}

/// The request as a whole is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The content type, charset or content encoding is not supported, or there is no content type. Status
    /// 415.
    #[error(
        "Content-Type must be application/x-www-form-urlencoded, application/json or application/x-ndjson, in UTF-8 \
         and without a Content-Encoding"
    )]
    Unsupported,
    /// The body is blank, or it is an empty JSON array. Status 400.
    #[error("the body holds no event")]
    Empty,
    /// The body has more than 10,000 events. Status 413.
    #[error("the body holds more than {MOST_EVENTS} events: send several requests")]
    TooMany,
    /// The header `Idempotency-Key` is not valid. Status 400.
    #[error("Idempotency-Key must be 1 to {MOST_KEY_CHARS} visible ASCII characters")]
    Key,
    /// The body begins like a JSON array and is not valid JSON. Holds the reason, with the position and
    /// without values of the body. Status 400.
    #[error("{0}")]
    Broken(String),
}

impl Posted {
    /// The valid events, each with its index in the request.
    pub fn events(&self) -> impl Iterator<Item = (usize, &Event)> {
        self.items().iter().enumerate().filter_map(|(index, item)| Some((index, item.as_ref().ok()?)))
    }

    /// All items in the order of the request.
    pub fn items(&self) -> &[Result<Event, Rejection>] {
        match self {
            Self::One(item) => std::slice::from_ref(item),
            Self::Many(items) => items,
        }
    }
}

/// Parses a request's body by its content type.
///
/// | content type | result |
/// |---|---|
/// | `application/x-www-form-urlencoded` | one event |
/// | `application/x-ndjson` | one event per line, also if there is only one line |
/// | `application/json` | one event, or a list from an array or from lines: see `json::items` |
///
/// # Errors
/// [`Refusal`] if the request is rejected as a whole. A problem of a single event is part of [`Posted`].
pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Posted, Refusal> {
    // Checked first, because a client that sends an empty body usually sends no content type either.
    if body.trim_ascii().is_empty() {
        return Err(Refusal::Empty);
    }
    let media_type = media_type(headers).ok_or(Refusal::Unsupported)?;
    let known = ["application/x-www-form-urlencoded", "application/json", "application/x-ndjson"];
    if !known.contains(&media_type.as_str()) {
        return Err(Refusal::Unsupported);
    }
    if media_type.ends_with("urlencoded") {
        return Ok(Posted::One(form::event(body)));
    }
    if media_type.ends_with("x-ndjson") {
        return many(json::lines(body), json::event);
    }
    match json::items(body).map_err(|rejection| Refusal::Broken(rejection.error))? {
        Items::One(object) => Ok(Posted::One(json::event(object))),
        Items::Elements(elements) if elements.is_empty() => Err(Refusal::Empty),
        Items::Elements(elements) => {
            many(elements.into_iter(), |element| json::event(element.get().as_bytes()))
        }
        Items::Lines(lines) => many(lines.into_iter(), json::event),
    }
}

/// Parses each item as an event. An item that is not valid does not stop the others.
///
/// # Errors
/// [`Refusal::TooMany`] at the first item beyond [`MOST_EVENTS`]; the rest is not parsed.
fn many<I>(
    items: impl Iterator<Item = I>,
    event: impl Fn(I) -> Result<Event, Rejection>,
) -> Result<Posted, Refusal> {
    let events: Vec<_> = items.take(MOST_EVENTS + 1).map(event).collect();
    if events.len() > MOST_EVENTS {
        return Err(Refusal::TooMany);
    }
    Ok(Posted::Many(events))
}

/// The content type in lower case and without parameters. `None` if the body has a content encoding or another charset.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?").to_ascii_lowercase());
    if text(header::CONTENT_ENCODING).is_some_and(|encoding| encoding.trim() != "identity") {
        return None;
    }
    let content_type = text(header::CONTENT_TYPE)?;
    let (media_type, parameters) = content_type.split_once(';').unwrap_or((&content_type, ""));
    let charsets = parameters.split(';').filter_map(|parameter| parameter.trim().strip_prefix("charset="));
    for charset in charsets {
        if !matches!(charset.trim_matches('"'), "utf-8" | "utf8" | "us-ascii") {
            return None;
        }
    }
    Some(media_type.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use function_kit::http::HeaderValue;

    use super::*;

    /// A valid event.
    const GOOD: &str = r#"{"timestamp":1,"make":"Ford","model":"Edge","position_x":0,"position_y":0,"position_z":0,"speed":2,"vin":"GD9KE1GANAGOCJ64E"}"#;

    /// Parses a body, and returns for each of its events whether it is valid.
    fn posted(content_type: &'static str, body: &str) -> Result<Vec<bool>, Refusal> {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Ok(read(&headers, body.as_bytes())?.items().iter().map(Result::is_ok).collect())
    }

    /// Clients write media types in different cases and with parameters.
    #[test]
    fn three_content_types_are_accepted_in_any_case_and_with_a_utf8_charset() {
        for content_type in
            ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\"; v=1"]
        {
            assert_eq!(posted(content_type, GOOD), Ok(vec![true]), "{content_type}");
        }
        for content_type in [
            "text/plain",
            "application/jsonp",
            "",
            "application/json; charset=latin1",
            "multipart/form-data",
            "json",
        ] {
            assert_eq!(posted(content_type, GOOD), Err(Refusal::Unsupported), "{content_type}");
        }
        assert_eq!(read(&HeaderMap::new(), GOOD.as_bytes()), Err(Refusal::Unsupported));
    }

    #[test]
    fn a_compressed_body_is_rejected() {
        for (encoding, taken) in
            [("identity", true), ("gzip", false), ("br", false), ("identity, gzip", false)]
        {
            let headers = HeaderMap::from_iter([
                (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
                (header::CONTENT_ENCODING, HeaderValue::from_static(encoding)),
            ]);
            assert_eq!(read(&headers, GOOD.as_bytes()).is_ok(), taken, "{encoding}");
        }
    }

    #[test]
    fn a_body_without_an_event_is_rejected() {
        for content_type in ["application/json", "application/x-ndjson", "application/x-www-form-urlencoded"]
        {
            for body in ["", " \r\n "] {
                assert_eq!(posted(content_type, body), Err(Refusal::Empty), "{content_type}");
            }
        }
        assert_eq!(posted("application/json", " [ ] "), Err(Refusal::Empty));
        assert!(matches!(posted("application/json", "[{}"), Err(Refusal::Broken(_))));
        assert_eq!(
            posted("application/json", &format!("[{}0]", "0,".repeat(MOST_EVENTS))),
            Err(Refusal::TooMany)
        );
    }

    #[test]
    fn a_bad_event_does_not_reject_the_good_ones() {
        let array = format!("[{GOOD},7,{GOOD},{{}},null]");
        assert_eq!(posted("application/json", &array), Ok(vec![true, false, true, false, false]));
        let lines = format!("{GOOD}\n{{broken\n\n{GOOD}\r\n[{GOOD}]\n");
        assert_eq!(posted("application/x-ndjson", &lines), Ok(vec![true, false, true, false]));
        assert_eq!(posted("application/json", &lines), Ok(vec![true, false, true, false]));
        let mut broken = lines.into_bytes();
        broken.extend_from_slice(b"{\"model\":\"\xff\"}\n");
        let headers =
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"))]);
        assert_eq!(read(&headers, &broken).unwrap().events().count(), 2);
    }
}
