//! Detects a text's encoding from its byte order mark.

/// U+FEFF in UTF-8.
pub(crate) const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];
/// A surrogate is half of a character. Without its other half it makes the decoder fail.
const LONE_SURROGATE: u16 = 0xD800;

/// Removes a UTF-8 byte order mark from the beginning, if there is one. Some Windows editors write it; JSON parsers
/// reject it.
#[must_use]
pub fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(&BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// Returns the code units of a UTF-16 text without its byte order mark, or `None` if the text does not begin with one.
/// If the text ends in the middle of a unit, the last byte becomes a lone surrogate, so that decoding fails.
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
    fn one_byte_order_mark_is_removed_from_the_beginning() {
        assert_eq!(without_byte_order_mark(b"\xef\xbb\xbf{}"), b"{}");
        assert_eq!(without_byte_order_mark(b"{\xef\xbb\xbf}"), b"{\xef\xbb\xbf}");
        assert_eq!(without_byte_order_mark(b"\xef\xbb"), b"\xef\xbb");
    }

    #[test]
    fn utf_16_is_detected_by_its_mark_in_both_byte_orders() {
        let text = "a ü 🦀";
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let marked: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(bytes).collect();
            assert_eq!(String::from_utf16(&utf_16_units(&marked).unwrap()).unwrap(), text);
            assert_eq!(utf_16_units(&marked[2..]), None);
            assert!(String::from_utf16(&utf_16_units(&marked[..5]).unwrap()).is_err());
        }
    }
}
