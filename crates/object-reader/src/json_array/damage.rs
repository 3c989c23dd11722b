//! What may be wrong with a file as a whole.

/// What makes a file other than one whole JSON array. It holds for the file, whatever elements came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// No bytes, or none but white space.
    #[error("the file is empty: it holds no JSON array")]
    Empty,
    /// The file begins with something else.
    #[error("the file is not a JSON array: it begins with {found}")]
    NotAnArray {
        /// What its first byte looks like.
        found: &'static str,
    },
    /// The bytes end before the array does.
    #[error("the file breaks off at byte {byte}; whole elements before: {elements}")]
    Truncated {
        /// Elements before the break.
        elements: u64,
        /// Bytes of the file.
        byte: u64,
    },
    /// Something other than white space follows the array.
    #[error("something follows the array at byte {byte}; elements before: {elements}")]
    TrailingContent {
        /// Elements of the array.
        elements: u64,
        /// Where it stands in the file.
        byte: u64,
    },
    /// No element ends at the position where reading was resumed.
    #[error(
        "reading cannot go on at byte {byte}: no element ends there; the file has changed since {elements} were read"
    )]
    NotResumable {
        /// Elements before the position.
        elements: u64,
        /// Where neither a comma nor the closing bracket stands.
        byte: u64,
    },
}

impl Damage {
    pub(super) fn not_an_array(first: u8) -> Self {
        let found = match first {
            b'{' => "an object",
            b'"' => "a string",
            b'-' | b'0'..=b'9' => "a number",
            b'<' => "markup (XML or HTML)",
            b'a'..=b'z' | b'A'..=b'Z' => "a word",
            _ => "something that is not JSON",
        };
        Self::NotAnArray { found }
    }
}
