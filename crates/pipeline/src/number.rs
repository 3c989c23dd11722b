//! Parses decimal numbers without loss, and scales them exactly or rounded by a power of ten.

/// Every integer with this many digits fits into an `i128`.
const MOST_DIGITS: i64 = 38;

/// Every integer with this many digits fits into an `i64`. Nearly all numbers are that short and take the fast path.
const SHORT_DIGITS: usize = 18;

/// A number of [`SHORT_DIGITS`] digits times a power of ten below this one fits into an `i128`.
const SHORT_POWER: i64 = 20;

/// The limits of Postgres' `numeric`: digits before the point, digits after it, and the size of a written exponent.
const NUMERIC_WHOLE: i64 = 131_072;
const NUMERIC_SCALE: i64 = 16_383;
const NUMERIC_EXPONENT: i64 = i32::MAX as i64 / 2;

/// Why [`Number::exact`] has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inexact {
    /// The number has digits after the last place.
    Fraction,
    /// The result has more than 38 digits.
    TooLarge,
}

/// The parts of a decimal number. Memory and time depend on the length of its text, not on its value: `1e999999999` is
/// cheap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number<'a> {
    negative: bool,
    /// The digits before the point. Can be empty or have leading zeros.
    whole: &'a str,
    /// The digits after the point. Can be empty.
    fraction: &'a str,
    /// The power of ten, capped at ±2^40.
    exponent: i64,
}

impl<'a> Number<'a> {
    /// Parses a number. Accepts JSON numbers, and the further forms that Postgres accepts as the text of a
    /// `numeric`: a `+`, leading zeros, a point without digits on one side. Returns `None` for `NaN`,
    /// infinities, spaces, `_` and hexadecimal digits.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (negative, text) = signed(text);
        let (digits, exponent) = match text.bytes().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) || whole.len() + fraction.len() == 0 {
            return None;
        }
        let exponent = match exponent.map(signed) {
            Some((_, "")) => return None,
            Some((_, digits)) if !all_digits(digits) => return None,
            Some((negative, digits)) => power_of_ten(negative, digits),
            None => 0,
        };
        Some(Self { negative, whole, fraction, exponent })
    }

    /// Builds a number from parts that were checked before: digits only, and the exponent with its sign.
    #[inline]
    pub(crate) fn of_parts(
        negative: bool,
        whole: &'a str,
        fraction: &'a str,
        exponent: Option<&str>,
    ) -> Self {
        let exponent = exponent.map(signed).map_or(0, |(negative, digits)| power_of_ten(negative, digits));
        Self { negative, whole, fraction, exponent }
    }

    /// For at most [`SHORT_DIGITS`] digits: all digits as one signed integer, and the power of ten to multiply it with.
    #[inline]
    fn short(&self, scale: u8) -> Option<(i64, i64)> {
        if self.whole.len() + self.fraction.len() > SHORT_DIGITS {
            return None;
        }
        let add = |number: i64, digit: u8| number * 10 + i64::from(digit - b'0');
        let number = self.fraction.bytes().fold(self.whole.bytes().fold(0, add), add);
        Some((if self.negative { -number } else { number }, self.power(scale)))
    }

    /// Returns the number times 10^scale if that is an integer of at most 38 digits.
    pub(crate) fn exact(&self, scale: u8) -> Result<i128, Inexact> {
        if let Some((number, power @ 0..SHORT_POWER)) = self.short(scale) {
            return Ok(i128::from(number) * ten_to(power));
        }
        let zeros = self.digits().rev().take_while(|&digit| digit == b'0').count();
        let digits = self.significant() - length(zeros);
        if digits <= 0 {
            return Ok(0);
        }
        let power = self.power(scale) + length(zeros);
        if power < 0 {
            return Err(Inexact::Fraction);
        }
        self.leading(digits, power).ok_or(Inexact::TooLarge)
    }

    /// Returns the number times 10^scale, rounded to the nearest integer. Halves are rounded away from zero. Returns
    /// `None` if the result has more than 38 digits.
    pub(crate) fn rounded(&self, scale: u8) -> Option<i128> {
        match self.short(scale) {
            Some((number, power @ 0..SHORT_POWER)) => return Some(i128::from(number) * ten_to(power)),
            Some((number, power)) if (-SHORT_POWER..0).contains(&power) => {
                let unit = ten_to(-power);
                return Some((i128::from(number) + i128::from(number.signum()) * unit / 2) / unit);
            }
            _ => {}
        }
        let (digits, power) = (self.significant(), self.power(scale));
        if digits == 0 || digits + power < 0 {
            return Some(0);
        }
        if power >= 0 {
            return self.leading(digits, power);
        }
        let kept = digits + power;
        let next = usize::try_from(kept).ok().and_then(|kept| self.significant_digits().nth(kept));
        let away = i128::from(next.is_some_and(|digit| digit >= b'5'));
        Some(self.leading(kept, 0)? + if self.negative { -away } else { away })
    }

    /// Whether Postgres' `numeric` can hold the number. Numbers in `jsonb` are `numeric`.
    pub(crate) fn fits_numeric(&self) -> bool {
        if self.exponent == 0 && self.whole.len() + self.fraction.len() <= SHORT_DIGITS {
            return true;
        }
        let scale = length(self.fraction.len()) - self.exponent;
        let whole = self.significant() - length(self.fraction.len()) + self.exponent;
        self.exponent.abs() < NUMERIC_EXPONENT
            && scale <= NUMERIC_SCALE
            && (self.significant() == 0 || whole <= NUMERIC_WHOLE)
    }

    /// All digits, before and after the point.
    fn digits(&self) -> impl DoubleEndedIterator<Item = u8> + 'a {
        self.whole.bytes().chain(self.fraction.bytes())
    }

    /// All digits from the first one that is not zero.
    fn significant_digits(&self) -> impl Iterator<Item = u8> + 'a {
        self.digits().skip_while(|&digit| digit == b'0')
    }

    /// The number of digits without leading zeros.
    fn significant(&self) -> i64 {
        let zeros = self.digits().take_while(|&digit| digit == b'0').count();
        length(self.whole.len() + self.fraction.len() - zeros)
    }

    /// The exponent of the last digit after the number is multiplied by 10^scale.
    fn power(&self, scale: u8) -> i64 {
        self.exponent - length(self.fraction.len()) + i64::from(scale)
    }

    /// The first `count` significant digits times 10^power, with the number's sign. `None` beyond 38 digits.
    fn leading(&self, count: i64, power: i64) -> Option<i128> {
        if count + power > MOST_DIGITS {
            return None;
        }
        let digits = self.significant_digits().take(usize::try_from(count).ok()?);
        let number = digits.fold(0_i128, |number, digit| number * 10 + i128::from(digit - b'0'));
        let number = number * ten_to(power);
        Some(if self.negative { -number } else { number })
    }
}

/// Splits off the sign; `true` is minus.
#[inline]
fn signed(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

/// Parses an exponent. Capped at 2^40: every larger exponent gives the same results.
fn power_of_ten(negative: bool, digits: &str) -> i64 {
    const BEYOND: i64 = 1 << 40;
    let size = digits.bytes().fold(0, |size: i64, digit| (size * 10 + i64::from(digit - b'0')).min(BEYOND));
    if negative { -size } else { size }
}

/// Returns 10^power; `power` must be from 0 to 38.
fn ten_to(power: i64) -> i128 {
    10_i128.pow(u32::try_from(power).unwrap_or_default())
}

/// A length as `i64`, so that it can be added to exponents.
fn length(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
