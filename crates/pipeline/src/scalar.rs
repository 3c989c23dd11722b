//! Classifies YAML scalars without quotes.
//!
//! Terraform reads YAML 1.1 with parts of 1.2: `no` is false, `017` is 17, `2026-11-25` is an instant. Other readers
//! differ. Headwater accepts without quotes only what all readers take as the same value.

/// The class of a scalar without quotes.
#[derive(Debug, PartialEq)]
pub(crate) enum Plain {
    /// A decimal integer in its shortest form: `17`, but not `017` or `+17`.
    Integer(i64),
    /// `true` or `false`.
    Truth(bool),
    /// Text in every reader.
    Text,
    /// Empty, or a spelling of null.
    Null,
    /// Text in some readers, another value in others.
    Ambiguous,
}

/// Classifies a scalar without quotes.
pub(crate) fn plain(text: &str) -> Plain {
    match text {
        "true" => return Plain::Truth(true),
        "false" => return Plain::Truth(false),
        "" | "~" | "null" => return Plain::Null,
        "<<" | "=" => return Plain::Ambiguous,
        _ => {}
    }
    if let Some(integer) = canonical_integer(text) {
        return Plain::Integer(integer);
    }
    let lower = text.to_ascii_lowercase();
    let word = matches!(lower.as_str(), "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null");
    if word || is_number(&lower) || is_day(&lower) { Plain::Ambiguous } else { Plain::Text }
}

/// Parses an integer in its shortest form only.
fn canonical_integer(text: &str) -> Option<i64> {
    let integer: i64 = text.parse().ok()?;
    (integer.to_string() == text).then_some(integer)
}

/// Whether some reader takes the text for a number: decimal, hexadecimal, octal, binary, with `_`, in base 60, with an
/// exponent, infinite, or not-a-number.
fn is_number(lower: &str) -> bool {
    let digits = lower.strip_prefix(['+', '-']).unwrap_or(lower);
    if matches!(digits, ".inf" | ".nan") {
        return true;
    }
    if let Some(rest) = digits.strip_prefix("0x").or(digits.strip_prefix("0o")).or(digits.strip_prefix("0b"))
    {
        return !rest.is_empty() && rest.chars().all(|c| c.is_ascii_hexdigit() || c == '_');
    }
    let mantissa = match digits.split_once('e') {
        Some((mantissa, exponent)) => {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if exponent.is_empty() || !exponent.chars().all(|c| c.is_ascii_digit() || c == '_') {
                return false;
            }
            mantissa
        }
        None => digits,
    };
    mantissa.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && mantissa.contains(|c: char| c.is_ascii_digit())
        && mantissa.chars().all(|c| c.is_ascii_digit() || "_.,:".contains(c))
}

/// Whether the text begins with a year, a month and a day. Some readers take it for a date.
fn is_day(lower: &str) -> bool {
    let mut parts = lower.splitn(3, '-');
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    let year = parts.next().is_some_and(|part| part.len() == 4 && digits(part, 4));
    year && parts.next().is_some_and(|part| digits(part, 2))
        && parts.next().is_some_and(|part| part.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unambiguous_scalars_need_no_quotes() {
        let ambiguous = "y N yes No on OFF True FALSE Null 1_000 0x1F 0o17 0b11 017 00 -0 +5 12:30 1:2:3 1e3 1.5 .5 5. \
                         .inf -.Inf .NaN 2026-11-25 2026-1-2T10:00:00Z << = 1,000 99999999999999999999 190:20:30.15";
        for text in ambiguous.split(' ').filter(|text| !text.is_empty()) {
            assert_eq!(plain(text), Plain::Ambiguous, "{text}");
        }
        let words = "orders a.b . .. 2fa 3d-prints 24h none yesterday no-more e1 .env 0xyz -x rooms-v1 2026 2026-11 t:1";
        for text in words.split(' ').filter(|text| !text.starts_with("2026")) {
            assert_eq!(plain(text), Plain::Text, "{text}");
        }
        assert_eq!(plain("2026-11"), Plain::Text);
        assert_eq!(plain("-5"), Plain::Integer(-5));
        assert_eq!((plain("true"), plain("~"), plain("")), (Plain::Truth(true), Plain::Null, Plain::Null));
    }
}
