//! Partition values in paths: escaped as Hive does in the S3 key, and once more as a URL in the Delta log.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What a path says for a null.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// What `Add.path` may hold as it is: RFC 3986's unreserved characters, `/` and `=`.
const URL: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b'=');

/// `yr=2026/mo=11/`: the folder of one combination of partition values, or nothing without partition columns.
pub(crate) fn folder(columns: &[String], values: &[Option<String>]) -> String {
    let mut folder = String::new();
    for (column, value) in columns.iter().zip(values) {
        escape(column, &mut folder);
        folder.push('=');
        match stored(value.as_deref()) {
            Some(value) => escape(value, &mut folder),
            None => folder.push_str(NULL),
        }
        folder.push('/');
    }
    folder
}

/// Delta cannot tell an empty partition value from a null: both are null.
pub(crate) fn stored(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}

/// A relative S3 key as `Add.path` has it.
pub(crate) fn to_url(key: &str) -> String {
    utf8_percent_encode(key, URL).to_string()
}

/// The relative S3 key of an `Add.path`; `None` where it is not UTF-8.
pub(crate) fn from_url(path: &str) -> Option<String> {
    percent_decode_str(path).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// Hive's escaping of a path segment, as Spark does it.
fn escape(segment: &str, into: &mut String) {
    for c in segment.chars() {
        let special = matches!(
            c,
            '\0'..='\x1f'
                | '\x7f'
                | '"'
                | '#'
                | '%'
                | '\''
                | '*'
                | '/'
                | ':'
                | '='
                | '?'
                | '\\'
                | '{'
                | '['
                | ']'
                | '^'
        );
        if special {
            // Writing to a string cannot fail.
            let _ = write!(into, "%{:02X}", u32::from(c));
        } else {
            into.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(value: Option<&str>) -> String {
        folder(&["room".to_owned()], &[value.map(ToOwned::to_owned)])
    }

    #[test]
    fn folders_are_escaped_as_hive_does() {
        let columns = ["yr", "mo", "kind"].map(ToOwned::to_owned);
        let values = ["2026", "11", "raw"].map(|v| Some(v.to_owned()));
        assert_eq!(folder(&columns, &values), "yr=2026/mo=11/kind=raw/");
        assert_eq!(one(Some("a/b=c:d%'")), "room=a%2Fb%3Dc%3Ad%25%27/");
        assert_eq!(one(Some("Grüße 日本")), "room=Grüße 日本/");
        assert_eq!(folder(&[], &[]), "");
    }

    #[test]
    fn null_and_empty_are_hives_default_partition() {
        assert_eq!(one(None), "room=__HIVE_DEFAULT_PARTITION__/");
        assert_eq!(one(Some("")), "room=__HIVE_DEFAULT_PARTITION__/");
    }

    #[test]
    fn the_log_holds_the_key_as_a_url() {
        let key = one(Some("a b:ü"));
        assert_eq!(key, "room=a b%3Aü/");
        assert_eq!(to_url(&key), "room=a%20b%253A%C3%BC/");
    }

    proptest! {
        #[test]
        fn any_value_makes_one_folder_that_can_be_read_back(value in any::<String>()) {
            prop_assume!(!value.is_empty());
            let folder = one(Some(&value));
            prop_assert_eq!(folder.matches('/').count(), 1);
            let escaped = folder.strip_prefix("room=").unwrap().strip_suffix('/').unwrap();
            let unescaped = percent_decode_str(escaped).decode_utf8().unwrap();
            prop_assert_eq!(unescaped.as_ref(), value.as_str());
        }

        #[test]
        fn any_key_survives_the_way_into_the_log_and_back(key in any::<String>()) {
            let url = to_url(&key);
            prop_assert!(url.is_ascii());
            prop_assert_eq!(from_url(&url), Some(key));
        }
    }
}
