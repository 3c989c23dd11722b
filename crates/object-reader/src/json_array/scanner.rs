//! Finds the end of an element.
//!
//! The scanner counts brackets and does not check that their kinds match: in `{"a": 1]` the `]` closes the `{`. A `}`
//! without an open bracket is ordinary text. So a damaged element is still separated from the next one if it has as
//! many closing brackets as opening ones, or too many `}`. If a closing bracket or a quote is missing, the rest of the
//! file becomes part of the element. A surplus `]` closes the array.

/// JSON has exactly these four white space bytes (RFC 8259, section 2).
pub(super) fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether the next byte is part of a string. Brackets and commas in strings do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Text {
    #[default]
    Outside,
    String,
    /// In a string, after a backslash.
    Escape,
}

/// Scans one element, which may arrive in several parts.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    text: Text,
    /// The number of open brackets.
    depth: u64,
    /// The number of bytes in the parts that were scanned so far.
    scanned: u64,
    /// The number of bytes up to the last one that is not white space.
    length: u64,
}

impl Scanner {
    /// The element's length in bytes, without the white space after it.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Returns the index in `part` of the comma or closing bracket after the element, or `None` if the element
    /// continues in the next part.
    pub(super) fn scan(&mut self, part: &[u8]) -> Option<usize> {
        let end = self.end(part);
        let own = &part[..end.unwrap_or(part.len())];
        if let Some(last) = own.iter().rposition(|byte| !is_white(*byte)) {
            self.length = self.scanned + last as u64 + 1;
        }
        self.scanned += own.len() as u64;
        end
    }

    /// Finds the end of the element in `part`. In a string it skips to the next quote or backslash with
    /// `memchr`.
    fn end(&mut self, part: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = part.get(at) {
            match self.text {
                Text::Outside => match byte {
                    b'"' => self.text = Text::String,
                    b'{' | b'[' => self.depth += 1,
                    b',' | b']' if self.depth == 0 => return Some(at),
                    b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                },
                Text::String => {
                    at += memchr::memchr2(b'"', b'\\', &part[at..])?;
                    self.text = if part[at] == b'"' { Text::Outside } else { Text::Escape };
                }
                Text::Escape => self.text = Text::String,
            }
            at += 1;
        }
        None
    }
}
