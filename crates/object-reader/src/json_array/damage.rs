//! Errors that concern a file as a whole.

/// Why a file is not one complete JSON array. The elements that were read before are still valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The file has no bytes, or only white space.
    #[error("the file is empty: it holds no JSON array")]
    Empty,
    /// The file does not begin with `[`.
    #[error("the file is not a JSON array: it begins with {found}")]
    NotAnArray {
        /// A guess from the first byte, such as `an object`.
        found: &'static str,
    },
    /// The bytes end before the array does.
    #[error("the file ends inside the array, at byte {byte}; complete elements before: {elements}")]
    Truncated {
        /// The number of complete elements.
        elements: u64,
        /// The length of the file in bytes.
        byte: u64,
    },
    /// There is something other than white space after the array.
    #[error("there is more content after the array, at byte {byte}; elements before: {elements}")]
    TrailingContent {
        /// The number of elements in the array.
        elements: u64,
        /// The offset of the first byte after the array that is not white space.
        byte: u64,
    },
    /// No element ends at the position where reading was resumed.
    #[error(
        "cannot resume at byte {byte}: no element ends there; the file has changed since {elements} elements were read"
    )]
    NotResumable {
        /// The number of elements before the position.
        elements: u64,
        /// The offset at which a comma or the closing bracket was expected.
        byte: u64,
    },
}

impl Damage {
    /// The error for a file whose first byte after white space is `first`.
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
