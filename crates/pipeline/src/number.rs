//! Numbers as they are written, read without loss: as an exact multiple of a power of ten, or rounded to one.

/// Digits that an `i128` always holds.
const MOST_DIGITS: i64 = 38;

/// Digits that an `i64` always holds: nearly all numbers have no more, and are computed with at once.
const SHORT_DIGITS: usize = 18;

/// Powers of ten below this one leave such a number within an `i128`.
const SHORT_POWER: i64 = 20;

/// Postgres' `numeric`: digits before the point, digits behind it, and the size of an exponent as it is written.
const NUMERIC_WHOLE: i64 = 131_072;
const NUMERIC_SCALE: i64 = 16_383;
const NUMERIC_EXPONENT: i64 = i32::MAX as i64 / 2;

/// Why a number is not an exact multiple.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inexact {
    /// It has digits behind the last place.
    Fraction,
    /// It has more digits than are held.
    TooLarge,
}

/// A decimal number by its parts. Its size in memory and the time to read it follow its text, not its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

impl<'a> Number<'a> {
    /// Reads a number. Takes what JSON takes, and what Postgres takes as the text of a `numeric`: a `+`, zeros in front,
    /// a point without digits on one side. `NaN`, infinities, spaces, `_` and hexadecimal digits are refused.
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

    /// A number whose parts were told apart before: all digits, and the exponent with its sign.
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

    /// All digits as one number with its sign, if they are few, and the power of ten that it is to be taken times.
    #[inline]
    fn short(&self, scale: u8) -> Option<(i64, i64)> {
        if self.whole.len() + self.fraction.len() > SHORT_DIGITS {
            return None;
        }
        let add = |number: i64, digit: u8| number * 10 + i64::from(digit - b'0');
        let number = self.fraction.bytes().fold(self.whole.bytes().fold(0, add), add);
        Some((if self.negative { -number } else { number }, self.power(scale)))
    }

    /// The number times ten to the power of `scale`, if that is an integer of at most 38 digits.
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

    /// The number times ten to the power of `scale`, rounded to the nearest integer and from the middle away from zero;
    /// `None` if that has more than 38 digits.
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

    /// Whether Postgres' `numeric`, which numbers in `jsonb` are, holds the number.
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

    fn digits(&self) -> impl DoubleEndedIterator<Item = u8> + 'a {
        self.whole.bytes().chain(self.fraction.bytes())
    }

    fn significant_digits(&self) -> impl Iterator<Item = u8> + 'a {
        self.digits().skip_while(|&digit| digit == b'0')
    }

    /// How many digits there are behind zeros in front.
    fn significant(&self) -> i64 {
        let zeros = self.digits().take_while(|&digit| digit == b'0').count();
        length(self.whole.len() + self.fraction.len() - zeros)
    }

    /// The power of ten of the last digit, times ten to the power of `scale`.
    fn power(&self, scale: u8) -> i64 {
        self.exponent - length(self.fraction.len()) + i64::from(scale)
    }

    /// The first `count` significant digits, times ten to the power of `power`, with the number's sign.
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

#[inline]
fn signed(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

/// An exponent of digits; one beyond all bounds is as good as a very large one.
fn power_of_ten(negative: bool, digits: &str) -> i64 {
    const BEYOND: i64 = 1 << 40;
    let size = digits.bytes().fold(0, |size: i64, digit| (size * 10 + i64::from(digit - b'0')).min(BEYOND));
    if negative { -size } else { size }
}

/// A power of ten; `power` is from 0 to 38.
fn ten_to(power: i64) -> i128 {
    10_i128.pow(u32::try_from(power).unwrap_or_default())
}

/// A length of a text in memory.
fn length(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
