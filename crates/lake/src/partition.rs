//! Partition values in paths. They are percent-encoded in the S3 key, and encoded once more as a URI in `add.path`.
//!
//! A writer removes a file by its path, and paths are compared as text. delta-rs decodes the paths that it reads and
//! encodes them again by its own rules. Spark leaves some characters that delta-rs encodes. If a tool encodes one
//! character differently from us, the file that it rewrote stays in the table, and the table has its rows twice.
//!
//! So keys contain only characters that every tool treats in the same way: ASCII letters and digits, `-`, `.`, `_`, and
//! `%`, `=`, `/` as this module writes them. The folders are the same as those of delta-rs, with one exception:
//! delta-rs does not encode `~`, and then does not find the file again.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The folder name for null, as in Hive.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// The characters to encode in a column's name or value within a key.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// The characters to encode in `add.path`.
const URI: &AsciiSet = &SEGMENT.remove(b'/').remove(b'=');

/// The folder for one combination of partition values, such as `yr=2026/mo=11/`. Empty if there are no partition
/// columns.
pub(crate) fn folder(columns: &[String], values: &[Option<String>]) -> String {
    let mut folder = String::new();
    for (column, value) in columns.iter().zip(values) {
        folder.extend(utf8_percent_encode(column, SEGMENT));
        folder.push('=');
        match stored(value.as_deref()) {
            Some(value) => folder.extend(utf8_percent_encode(value, SEGMENT)),
            None => folder.push_str(NULL),
        }
        folder.push('/');
    }
    folder
}

/// The partition value that Delta stores. Delta treats the empty string as null. Spark and delta-rs turn Hive's name
/// for null into null when they rewrite a file, so it is stored as null from the start.
pub(crate) fn stored(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty() && *value != NULL)
}

/// Encodes a relative S3 key for `add.path`.
pub(crate) fn to_uri(key: &str) -> String {
    utf8_percent_encode(key, URI).to_string()
}

/// Decodes an `add.path` to a relative S3 key. Returns `None` if the result is not UTF-8.
pub(crate) fn from_uri(path: &str) -> Option<String> {
    percent_decode_str(path).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(value: Option<&str>) -> String {
        folder(&["room".to_owned()], &[value.map(ToOwned::to_owned)])
    }

    #[test]
    fn folders_are_those_of_delta_rs() {
        let columns = ["yr", "mo", "kind"].map(ToOwned::to_owned);
        let values = ["2026", "11", "raw"].map(|v| Some(v.to_owned()));
        assert_eq!(folder(&columns, &values), "yr=2026/mo=11/kind=raw/");
        assert_eq!(one(Some("a/b=c:d%'")), "room=a%2Fb%3Dc%3Ad%25%27/");
        assert_eq!(one(Some(" R&D (ü)")), "room=%20R%26D%20%28%C3%BC%29/");
        assert_eq!(one(Some("a~b")), "room=a%7Eb/");
        assert_eq!(folder(&[], &[]), "");
    }

    #[test]
    fn null_empty_and_hives_name_of_null_are_nulls() {
        assert_eq!(stored(Some("__HIVE_DEFAULT_PARTITION__")), None);
        assert_eq!(stored(Some("null")), Some("null"));
        assert_eq!(one(None), "room=__HIVE_DEFAULT_PARTITION__/");
        assert_eq!(one(Some("")), "room=__HIVE_DEFAULT_PARTITION__/");
    }

    #[test]
    fn the_log_holds_the_key_as_a_uri() {
        assert_eq!(to_uri(&one(Some("a b:ü"))), "room=a%2520b%253A%25C3%25BC/");
        assert_eq!(from_uri("room=a b%253A%C3%BC/x").as_deref(), Some("room=a b%3Aü/x"));
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

        /// delta-rs and Java's `URI` encode different characters of a decoded path. `%` is the only one of a folder's
        /// characters that either encodes.
        #[test]
        fn in_the_log_only_the_percent_sign_is_encoded(value in any::<String>()) {
            let folder = one(Some(&value));
            prop_assert!(folder.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._=%/".contains(&b)));
            prop_assert_eq!(to_uri(&folder), folder.replace('%', "%25"));
        }

        #[test]
        fn any_key_survives_the_way_into_the_log_and_back(key in any::<String>()) {
            let uri = to_uri(&key);
            prop_assert!(uri.is_ascii());
            prop_assert_eq!(from_uri(&uri), Some(key));
        }
    }
}
