//! Keys as S3 encodes them in notifications and listings.

use percent_encoding::percent_decode_str;

/// Decodes a key. In notifications and listings, S3 encodes keys like HTML forms: `+` for a space, and `%`
/// with two hexadecimal digits for a byte of UTF-8.
///
/// # Errors
/// A relative clause for messages, if the result is not UTF-8, or if a `%` is not followed by two hexadecimal
/// digits: taken literally, it would name another object.
pub fn form_decoded(key: &str) -> Result<String, &'static str> {
    let is_complete = |after: &str| {
        after.get(..2).is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
    };
    if !key.split('%').skip(1).all(is_complete) {
        return Err("in which a % is not followed by two hexadecimal digits");
    }
    let spaced = key.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| "which does not decode to UTF-8")
}
