//! Computes the file name of a deletion vector from its short form in the log.

use uuid::Uuid;

/// The Z85 alphabet. The log encodes the identifier with it (Delta protocol, "Deletion Vectors").
const ALPHABET: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
/// The number of characters of an encoded identifier.
const LENGTH: usize = 20;

/// Returns the key of a deletion vector of storage type `u`, relative to the table. `short` is an optional folder
/// followed by the identifier. Returns `None` if it is malformed.
pub(crate) fn key(short: &str) -> Option<String> {
    let (prefix, encoded) = short.split_at_checked(short.len().checked_sub(LENGTH)?)?;
    let mut bytes = Vec::with_capacity(16);
    for block in encoded.as_bytes().chunks(5) {
        let mut value: u64 = 0;
        for byte in block {
            value = value * 85 + ALPHABET.iter().position(|known| known == byte)? as u64;
        }
        bytes.extend(u32::try_from(value).ok()?.to_be_bytes());
    }
    let name = format!("deletion_vector_{}.bin", Uuid::from_slice(&bytes).ok()?);
    Some(if prefix.is_empty() { name } else { format!("{prefix}/{name}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_protocol_is_decoded() {
        assert_eq!(
            key("ab^-aqEH.-t@S}K{vb[*k^").as_deref(),
            Some("ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin")
        );
        assert_eq!(key("short"), None);
        assert_eq!(key("ü^-aqEH.-t@S}K{vb[*k"), None);
    }
}
