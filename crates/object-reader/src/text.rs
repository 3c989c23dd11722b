//! Detects the encoding of a text from the byte order mark at its beginning.

/// U+FEFF in UTF-8.
pub(crate) const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];
/// Half of a character: by itself it is none, so that decoding fails there.
const LONE_SURROGATE: u16 = 0xD800;

/// Removes a byte order mark of UTF-8 from the beginning, if there is one. Editors on Windows write it, JSON parsers refuse it.
#[must_use]
pub fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(&BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// The code units of a text in UTF-16 behind its byte order mark; `None` if it does not begin with one. A single byte at the
/// end, half of a unit, becomes a lone surrogate.
#[must_use]
pub fn utf_16_units(bytes: &[u8]) -> Option<Vec<u16>> {
    let unit: fn([u8; 2]) -> u16 = match bytes.first_chunk()? {
        [0xFF, 0xFE] => u16::from_le_bytes,
        [0xFE, 0xFF] => u16::from_be_bytes,
        _ => return None,
    };
    let (pairs, rest) = bytes[2..].as_chunks::<2>();
    let mut units: Vec<u16> = pairs.iter().copied().map(unit).collect();
    units.extend(rest.first().map(|_| LONE_SURROGATE));
    Some(units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_taken_off_once_and_only_at_the_beginning() {
        assert_eq!(without_byte_order_mark(b"\xef\xbb\xbf{}"), b"{}");
        assert_eq!(without_byte_order_mark(b"{\xef\xbb\xbf}"), b"{\xef\xbb\xbf}");
        assert_eq!(without_byte_order_mark(b"\xef\xbb"), b"\xef\xbb");
    }

    #[test]
    fn utf_16_is_told_by_its_mark_and_read_in_both_byte_orders() {
        let text = "a ü 🦀";
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let marked: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(bytes).collect();
            assert_eq!(String::from_utf16(&utf_16_units(&marked).unwrap()).unwrap(), text);
            assert_eq!(utf_16_units(&marked[2..]), None);
            assert!(String::from_utf16(&utf_16_units(&marked[..5]).unwrap()).is_err());
        }
    }
}
