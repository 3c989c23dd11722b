//! The token of a source. It must not appear in any log, error or answer.

use std::fmt;

use settings::presign::encoded;

/// Shorter runs of letters and digits are not hidden: they reveal little of a token and are common in other texts.
const SHORTEST_RUN: usize = 4;

/// A token. Its `Debug` output hides it.
#[derive(Clone)]
pub(crate) struct Token {
    text: String,
    /// The parts that are hidden in texts: the token itself and its runs of letters and digits. Servers quote a token
    /// with different escapes (percent, HTML, JSON), but no escape changes letters and digits.
    parts: Vec<String>,
}

impl Token {
    /// Creates a token from a secret's text without surrounding white space. `None` if the text is blank.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let runs = text.split(|character: char| !character.is_ascii_alphanumeric());
        let runs = runs.filter(|run| run.len() >= SHORTEST_RUN).map(str::to_owned);
        let mut parts: Vec<String> =
            [text.to_owned(), encoded(text).to_string()].into_iter().chain(runs).collect();
        // Hide the longest parts first, so that no rest of a longer part remains.
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        parts.dedup();
        (!text.is_empty()).then(|| Self { text: text.to_owned(), parts })
    }

    /// The secret text itself. Only requests may contain it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Replaces the token and its parts in `text` by stars, regardless of case.
    pub(crate) fn hidden_in(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for part in &self.parts {
            // Converting only ASCII to lower case keeps all byte positions.
            let (lower, wanted) = (text.to_ascii_lowercase(), part.to_ascii_lowercase());
            let mut clean = String::with_capacity(text.len());
            let mut end = 0;
            for (start, _) in lower.match_indices(&wanted) {
                clean.push_str(&text[end..start]);
                clean.push_str("***");
                end = start + wanted.len();
            }
            clean.push_str(&text[end..]);
            text = clean;
        }
        text
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token(***)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_hidden_with_every_escape() {
        let token = Token::new(" s3cr3t+Key/==\n").unwrap();
        assert_eq!(token.text(), "s3cr3t+Key/==");
        for text in [
            "token=s3cr3t+Key/== is wrong",
            "token=s3cr3t%2BKey%2F%3D%3D is wrong",
            "token=S3CR3T%2bkey%2f%3d%3d is wrong",
            "token=s3cr3t&#43;Key/== is wrong",
            r"token=s3cr3t\u002bKey\/== is wrong",
        ] {
            let hidden = token.hidden_in(text).to_lowercase();
            assert!(!hidden.contains("s3cr3t") && hidden.contains("***"), "{hidden}");
        }
        assert_eq!(token.hidden_in("HTTP 500: é"), "HTTP 500: é");
        assert_eq!(format!("{token:?}"), "Token(***)");
        assert!(Token::new(" \n").is_none());
    }

    proptest! {
        #[test]
        fn no_part_of_the_token_remains(
            token in "[!-~]{1,20}", before in "[ -~é]{0,10}", after in "[ -~é]{0,10}",
        ) {
            prop_assume!(!token.contains('*'));
            let hidden = Token::new(&token).unwrap().hidden_in(&format!("{before}{token}{after}"));
            prop_assert!(!hidden.to_lowercase().contains(&token.to_lowercase()));
            for run in token.split(|c: char| !c.is_ascii_alphanumeric()).filter(|run| run.len() >= SHORTEST_RUN) {
                prop_assert!(!hidden.to_lowercase().contains(&run.to_lowercase()), "{hidden}");
            }
        }
    }
}
