//! Checks answers, and describes those that are not valid.

use object_reader::without_byte_order_mark;
use serde_json::value::RawValue;

use crate::fault::Fault;
use crate::pointer::Pointer;
use crate::token::Token;

/// The longest excerpt of an answer in a reason, in characters.
const LONGEST_EXCERPT: usize = 200;

/// A JSON answer with the wrong content is quoted in the reason only if it is shorter than this. Then it is a message
/// of the API and not data.
const MESSAGE: usize = 1024;

/// Checks an answer: it must be one JSON object or array with all parts in `require`. Returns its text
/// without a byte order mark.
///
/// # Errors
/// [`Fault::NotJson`] if it is not JSON in UTF-8. [`Fault::Shape`] if it is a JSON scalar, or if a required
/// part is missing or `null`.
pub(crate) fn checked<'b>(
    body: &'b [u8],
    require: &[Pointer],
    token: Option<&Token>,
) -> Result<&'b str, Fault> {
    let not_json = |reason: String| Fault::NotJson { reason, detail: excerpt(body, token) };
    let text =
        std::str::from_utf8(without_byte_order_mark(body)).map_err(|error| not_json(error.to_string()))?;
    let value: &RawValue = serde_json::from_str(text).map_err(|error| not_json(error.to_string()))?;
    if !value.get().starts_with(['{', '[']) {
        return Err(Fault::Shape {
            reason: "is neither an object nor an array".into(),
            detail: excerpt(body, token),
        });
    }
    let mut missing = Vec::new();
    for pointer in require {
        let found = pointer.find(text).map_err(|error| not_json(error.to_string()))?;
        if found.is_none_or(|value| value.get() == "null") {
            missing.push(pointer.to_string());
        }
    }
    if missing.is_empty() {
        return Ok(text);
    }
    let detail = if body.len() <= MESSAGE { excerpt(body, token) } else { String::new() };
    Err(Fault::Shape { reason: format!("has no {}", missing.join(" and no ")), detail })
}

/// The link to the next page. `None` on the last page, where it is missing, `null`, `false` or empty.
///
/// # Errors
/// [`Fault::Link`] if the part at `next` is another value than a string.
pub(crate) fn next_link(text: &str, next: &Pointer) -> Result<Option<String>, Fault> {
    let found = next
        .find(text)
        .map_err(|error| Fault::NotJson { reason: error.to_string(), detail: String::new() })?;
    match found.map(RawValue::get) {
        None | Some("null" | "false" | "\"\"") => Ok(None),
        Some(link) => serde_json::from_str(link)
            .map(Some)
            .map_err(|_| Fault::Link(format!("{next} of the answer is not a text with a URL"))),
    }
}

/// Converts a page to one line: line breaks between JSON tokens become spaces, and everything else stays unchanged.
/// JSON strings contain no unescaped line breaks.
pub(crate) fn one_line(text: &str) -> Vec<u8> {
    text.trim().bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }).collect()
}

/// The beginning of an answer's text for a reason, with the token hidden. A web page is not quoted.
pub(crate) fn excerpt(body: &[u8], token: Option<&Token>) -> String {
    let text = String::from_utf8_lossy(without_byte_order_mark(body));
    let text = text.trim();
    if text.starts_with('<') {
        return "the answer is a web page".to_owned();
    }
    let words: Vec<&str> = text
        .split(|character: char| character.is_whitespace() || character.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let words = words.join(" ");
    // Hide the token before the text is cut, because a cut token would not be found.
    let words = token.map_or_else(|| words.clone(), |token| token.hidden_in(&words));
    match words.char_indices().nth(LONGEST_EXCERPT) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The check of the weather source, with the reason as text.
    fn weather(body: &[u8]) -> Result<&str, String> {
        let require = ["/id", "/data/0/date"].map(|pointer| pointer.parse().unwrap());
        checked(body, &require, None).map_err(|fault| format!("{fault} {}", fault.detail()))
    }

    #[test]
    fn an_answer_with_all_required_parts_is_valid() {
        let good =
            "{\"id\":3477,\"name\":\"São Paulo\",\"data\":[{\"date\":\"2023-04-27 18:00:00\",\"t\":23}]}\n";
        assert_eq!(weather(good.as_bytes()), Ok(good));
        assert_eq!(weather(format!("\u{feff}{good}").as_bytes()), Ok(good));
    }

    #[test]
    fn an_invalid_answer_is_rejected_with_the_reason() {
        for (body, reason) in [
            ("", "not JSON"),
            ("<!DOCTYPE html><html>log in</html>", "web page"),
            (r#"{"id":3477,"data":[{"date":"2023"#, "not JSON"),
            (r#"{"id":3477,"data":[]}"#, "has no /data/0/date"),
            (r#"{"id":null,"data":null}"#, "has no /id and no /data/0/date"),
            (r#"{"error":"quota exceeded"}"#, "quota exceeded"),
            (r#"{"id":1,"data":[{"date":"x","t":NaN}]}"#, "not JSON"),
            (r#"{"id":1,"data":[{"date":"x"}]} {}"#, "not JSON"),
            ("\"busy\"", "neither"),
            ("null", "neither"),
        ] {
            let refused = weather(body.as_bytes()).unwrap_err();
            assert!(refused.contains(reason), "{body}: {refused}");
        }
        assert!(weather(b"{\"id\":\"S\xe3o\"}").unwrap_err().contains("not JSON"));
        let long = format!(r#"{{"id":1,"data":[],"x":"{}"}}"#, "payload ".repeat(200));
        assert!(!weather(long.as_bytes()).unwrap_err().contains("payload"), "the reason quotes data");
    }

    #[test]
    fn a_next_link_is_a_string_and_the_last_page_has_none() {
        let next = |json: &str| next_link(json, &"/next".parse().unwrap()).map_err(|fault| fault.to_string());
        for end in [r#"{"next":null}"#, r#"{"next":""}"#, r#"{"next":false}"#, "{}", "[]"] {
            assert_eq!(next(end), Ok(None), "{end}");
        }
        assert_eq!(next(r#"{"next":"\/a?x=1\u0026y=2"}"#), Ok(Some("/a?x=1&y=2".to_owned())));
        assert!(next(r#"{"next":2}"#).is_err() && next(r#"{"next":{}}"#).is_err());
    }

    #[test]
    fn an_excerpt_is_short_and_hides_the_token_and_control_characters() {
        let token = Token::new("s3cr3t-token").unwrap();
        let body = format!("{{\"error\":\r\n\t\"{}s3cr3t-token\u{7}\"}}", "x".repeat(194));
        let excerpt = excerpt(body.as_bytes(), Some(&token));
        assert!(!excerpt.contains("s3c") && excerpt.starts_with("{\"error\": \"x"), "{excerpt}");
        assert!(excerpt.chars().count() <= 201 && !excerpt.contains(char::is_control));
    }

    proptest! {
        #[test]
        fn one_line_is_the_same_json(texts in prop::collection::vec("\\PC{0,8}|\n|\r|\t", 0..6)) {
            let value = serde_json::json!({"a": texts, "b": [1, 2.50, {"c": null}]});
            let pretty = serde_json::to_string_pretty(&value).unwrap().replace('\n', "\r\n");
            let line = one_line(&pretty);
            prop_assert!(!line.contains(&b'\n') && !line.contains(&b'\r'));
            prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&line).unwrap(), value);
        }

        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = weather(&body);
            excerpt(&body, Token::new("abcd").as_ref());
        }
    }
}
