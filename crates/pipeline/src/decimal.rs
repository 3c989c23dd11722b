//! Decimals as they occur in records: exact or not at all.

/// `text` times ten to the power of `scale`, if it is a decimal number without an exponent that fits exactly.
pub(crate) fn parse_decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    if whole.is_empty() || fraction.len() > usize::from(scale) || text.ends_with('.') {
        return None;
    }
    let padding = std::iter::repeat_n(b'0', usize::from(scale) - fraction.len());
    let digits = whole.bytes().chain(fraction.bytes()).chain(padding);
    let unscaled = digits.into_iter().try_fold(0_i128, |number, digit| {
        digit.is_ascii_digit().then_some(())?;
        number.checked_mul(10)?.checked_add(i128::from(digit - b'0'))
    })?;
    (unscaled < 10_i128.pow(u32::from(precision))).then_some(if negative { -unscaled } else { unscaled })
}
