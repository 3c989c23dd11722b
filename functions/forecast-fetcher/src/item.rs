//! One thing to fetch from a source, such as a city.

use std::fmt;
use std::str::FromStr;

/// The longest item, in characters.
const LONGEST: usize = 100;

/// The id of one thing to fetch. It is part of a URL and of an object's name, so only a few characters are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct Item(String);

/// The text is not a valid item. Holds the text, cut to the longest valid length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an item: use 1 to {LONGEST} of A-Z, a-z, 0-9, '-', '_' and '.', without a leading '.'")]
pub struct BadItem(String);

impl FromStr for Item {
    type Err = BadItem;

    fn from_str(text: &str) -> Result<Self, BadItem> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if (1..=LONGEST).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('.') {
            return Ok(Self(text.to_owned()));
        }
        Err(BadItem(text.chars().take(LONGEST).collect()))
    }
}

impl fmt::Display for Item {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl AsRef<str> for Item {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An item is put into a URL and a key without escapes.
    #[test]
    fn a_text_that_would_change_the_path_or_key_is_not_an_item() {
        for good in ["3477", "sao-paulo", "a.b_c", &"x".repeat(100)] {
            assert_eq!(good.parse::<Item>().unwrap().to_string(), good);
        }
        for bad in ["", "..", ".a", "a/b", "a b", "São", "{token}", "a?b", "a%2e", "a\n", &"x".repeat(101)] {
            assert!(bad.parse::<Item>().is_err(), "{bad:?}");
        }
    }
}
