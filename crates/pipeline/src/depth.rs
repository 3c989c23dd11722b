//! How deep a record nests, told before it is parsed.

/// How deep a record may nest: the parser recurses, and a record must not be able to exhaust the stack.
pub(crate) const MAX_DEPTH: usize = 128;

pub(crate) fn nests_too_deep(record: &[u8]) -> bool {
    // Counting brackets is one vectorised pass; hardly any record needs more.
    if record.iter().filter(|&&byte| byte == b'[' || byte == b'{').count() <= MAX_DEPTH {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in record {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}
