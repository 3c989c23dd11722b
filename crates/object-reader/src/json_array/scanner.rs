//! Where an element ends.
//!
//! Brackets are counted, not matched: in `{"a": 1]` the wrong bracket closes as well as the right one, and a `}` with
//! nothing to close is text like any other. So an element with as many closing brackets as opening ones is told from
//! its neighbours whatever their kinds, and so is one with a `}` too many. A closing bracket or a quote too few hides
//! what follows: the rest of the file reads as one element. A `]` too many closes the array.

/// The four bytes that JSON takes for white space.
pub(super) fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Text {
    #[default]
    Outside,
    String,
    /// In a string behind a backslash.
    Escape,
}

/// Reads one element, in as many parts as it comes in.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    text: Text,
    /// Brackets that are open.
    depth: u64,
    /// Bytes of the parts before this one.
    scanned: u64,
    /// Bytes up to the last one that is not white space.
    length: u64,
}

impl Scanner {
    /// Bytes of the element without the white space behind it.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The index of the comma or closing bracket behind the element, or `None` if it goes on behind `part`.
    pub(super) fn scan(&mut self, part: &[u8]) -> Option<usize> {
        let end = self.end(part);
        let own = &part[..end.unwrap_or(part.len())];
        if let Some(last) = own.iter().rposition(|byte| !is_white(*byte)) {
            self.length = self.scanned + last as u64 + 1;
        }
        self.scanned += own.len() as u64;
        end
    }

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
