//! Parses the list of files, which has one key per line.

use std::collections::BTreeSet;

use object_reader::{utf_16_units, without_byte_order_mark};

/// The longest key in S3, in bytes.
const LONGEST_KEY: usize = 1_024;
/// The largest number of unreadable lines that are kept. Further ones are only counted.
const MOST_KEPT: usize = 1_000;
/// The largest number of bytes that are kept of an unreadable line.
const MOST_BYTES: usize = 2_048;

/// The parsed list of files.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FilesList {
    /// The keys.
    pub keys: BTreeSet<String>,
    /// The first 1,000 lines that are not valid keys.
    pub unreadable: Vec<UnreadableLine>,
    /// The number of all lines that are not valid keys.
    pub unreadable_lines: u64,
}

/// A line that is not a valid key.
#[derive(Debug, PartialEq, Eq)]
pub struct UnreadableLine {
    /// The line's number, from 1.
    pub number: u64,
    /// The reason for parking the line, as a sentence with its number.
    pub reason: String,
    /// The line's first 2,048 bytes. A line of a UTF-16 list is converted to UTF-8, with U+FFFD for invalid characters.
    pub bytes: Vec<u8>,
}

impl FilesList {
    /// Parses a list. The list is UTF-8, or UTF-16 with a byte order mark. Lines end with LF or CRLF; the line end of
    /// the last line is optional. Blank lines are ignored. A line that is not a valid key does not affect the others.
    #[must_use]
    pub fn read(list: &[u8]) -> Self {
        let mut read = Self::default();
        if let Some(units) = utf_16_units(list) {
            for (number, line) in (1..).zip(units.split(|&unit| unit == u16::from(b'\n'))) {
                match String::from_utf16(line) {
                    Ok(line) => read.take(number, line),
                    Err(_) => read.refuse(
                        number,
                        "it is not valid UTF-16",
                        String::from_utf16_lossy(line).as_bytes(),
                    ),
                }
            }
        } else {
            let list = without_byte_order_mark(list);
            for (number, line) in (1..).zip(list.split(|&byte| byte == b'\n')) {
                match str::from_utf8(line) {
                    Ok(line) => read.take(number, line.to_owned()),
                    Err(_) => read.refuse(number, "it is not valid UTF-8", line),
                }
            }
        }
        read
    }

    /// Adds a line: its key, or its reason if it is not a valid key.
    fn take(&mut self, number: u64, mut line: String) {
        if line.ends_with('\r') {
            line.pop();
        }
        if line.trim().is_empty() {
            return;
        }
        if line.contains('\0') {
            let reason = "it holds a NUL; save the list as UTF-8, without bytes after its last line";
            self.refuse(number, reason, line.as_bytes());
        } else if line.len() > LONGEST_KEY {
            let reason = format!("it has {} bytes, but a key has at most {LONGEST_KEY}", line.len());
            self.refuse(number, &reason, line.as_bytes());
        } else {
            self.keys.insert(line);
        }
    }

    /// Counts an unreadable line, and keeps its beginning for the dead letters.
    fn refuse(&mut self, number: u64, reason: &str, line: &[u8]) {
        self.unreadable_lines += 1;
        if self.unreadable.len() < MOST_KEPT {
            let bytes = line[..line.len().min(MOST_BYTES)].to_owned();
            let reason = format!("line {number} is not a key: {reason}");
            self.unreadable.push(UnreadableLine { number, reason, bytes });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys, and the numbers of the unreadable lines.
    fn read(list: &[u8]) -> (Vec<String>, Vec<u64>) {
        let FilesList { keys, unreadable, unreadable_lines } = FilesList::read(list);
        assert_eq!(unreadable.len() as u64, unreadable_lines);
        (keys.into_iter().collect(), unreadable.iter().map(|line| line.number).collect())
    }

    #[test]
    fn lines_end_with_lf_or_crlf_and_blank_lines_are_ignored() {
        for list in ["a.json\nb c.json\n", "a.json\r\nb c.json", "\n\na.json\n  \nb c.json\r\n\r\na.json"] {
            let (keys, unreadable) = read(list.as_bytes());
            assert_eq!(
                (keys.as_slice(), unreadable.len()),
                (&["a.json", "b c.json"].map(str::to_owned)[..], 0)
            );
        }
        assert_eq!(read(b""), (vec![], vec![]));
    }

    #[test]
    fn an_invalid_line_is_reported_and_the_others_are_read() {
        let long = format!("a.json\n{}\nb.json", "k".repeat(2_000));
        let lists: [(&[u8], &[u64]); 5] = [
            (b"a.json\nb.json\n\0\0\0\0\0", &[3]),
            (b"a.json\nc.json\0\0\nb.json\0", &[2, 3]),
            (b"a.json\nc\xff.json\nb.json", &[2]),
            (b"\xef\xbb\xbfa.json\n\xc3\nb.json\n", &[2]),
            (long.as_bytes(), &[2]),
        ];
        for (list, unreadable) in lists {
            let (keys, found) = read(list);
            assert_eq!(found, unreadable, "{list:?}");
            assert!(keys.contains(&"a.json".to_owned()), "{keys:?}");
            assert_eq!(
                keys.contains(&"b.json".to_owned()),
                !unreadable.contains(&3) || list.ends_with(b"\0\0")
            );
        }
        let longest = "k".repeat(1_024);
        assert_eq!(read(longest.as_bytes()), (vec![longest], vec![]));
    }

    /// Some Windows editors save lists as UTF-16.
    #[test]
    fn a_utf_16_list_needs_a_byte_order_mark() {
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let marked: Vec<u8> = "\u{feff}a.json\r\nü 🦀.json\r\n".encode_utf16().flat_map(bytes).collect();
            assert_eq!(read(&marked), (vec!["a.json".to_owned(), "ü 🦀.json".to_owned()], vec![]));
            let (keys, unreadable) = read(&marked[2..]);
            assert!(keys.is_empty() && unreadable.len() >= 2, "{keys:?} {unreadable:?}");
            // The third line is a lone surrogate, and the text ends with half a code unit.
            let units = [0xFEFF, u16::from(b'a'), 10, 0xD800, 10, u16::from(b'b'), 10];
            let mut broken: Vec<u8> = units.into_iter().flat_map(bytes).collect();
            broken.push(7);
            assert_eq!(read(&broken), (vec!["a".to_owned(), "b".to_owned()], vec![2, 4]));
        }
    }

    #[test]
    fn the_first_1000_unreadable_lines_are_kept_and_all_are_counted() {
        let list = FilesList::read(&b"\xff\n".repeat(5_000));
        assert_eq!((list.unreadable.len(), list.unreadable_lines), (MOST_KEPT, 5_000));
    }
}
