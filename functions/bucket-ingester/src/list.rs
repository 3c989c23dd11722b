//! The list of files: one key per line.

use std::collections::BTreeSet;

/// The keys of a list. Lines end with LF or CRLF, the last one with either or neither; blank lines are nothing. What is
/// not UTF-8 in a key is replaced, so that it names no file, which is then reported as missing.
#[must_use]
pub fn keys_of_list(list: &[u8]) -> BTreeSet<String> {
    let list = list.strip_prefix(b"\xef\xbb\xbf").unwrap_or(list);
    list.split(|&byte| byte == b'\n')
        .map(|line| String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned())
        .filter(|key| !key.trim().is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_may_end_either_way_and_blank_ones_are_nothing() {
        for list in ["a.json\nb c.json\n", "a.json\r\nb c.json", "\n\na.json\n  \nb c.json\r\n\r\na.json"] {
            let keys: Vec<_> = keys_of_list(list.as_bytes()).into_iter().collect();
            assert_eq!(keys, ["a.json", "b c.json"], "{list:?}");
        }
        assert!(keys_of_list(b"").is_empty());
    }
}
