//! Parses dates and times. Written by hand, because it runs for every record.

use std::ops::RangeInclusive;

use crate::field::TimestampFormat;
use crate::number::Number;

/// Microseconds in a second.
const MICROS: i64 = 1_000_000;

/// The years 1 to 9999 in microseconds. Every reader of the tables can show these times.
pub(crate) const YEARS: RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// Converts seconds or milliseconds since the epoch to microseconds. The number may have any notation and any number of
/// digits. The result is rounded to the nearest microsecond, halves away from zero.
///
/// Returns `None` if the text is not a number, if the time is outside the years 1 to 9999, or if `format` is ISO.
///
/// The result is computed from the decimal digits. A double holds a current time only to a quarter of a microsecond,
/// and its multiplication would round again.
#[must_use]
pub fn parse_epoch(number: &str, format: TimestampFormat) -> Option<i64> {
    epoch_micros(&Number::parse(number)?, format)
}

/// Converts an epoch number to microseconds. See [`parse_epoch`].
pub(crate) fn epoch_micros(number: &Number<'_>, format: TimestampFormat) -> Option<i64> {
    let scale = match format {
        TimestampFormat::EpochSeconds => 6,
        TimestampFormat::EpochMillis => 3,
        TimestampFormat::Iso => return None,
    };
    let micros = i64::try_from(number.rounded(scale)?).ok()?;
    YEARS.contains(&micros).then_some(micros)
}

/// Parses `YYYY-MM-DD HH:MM:SS` into microseconds since the epoch. A `T` may replace the space. A fraction of up to six
/// digits and a zone (`Z`, `±HH:MM` or `±HHMM`) are optional; without a zone the time is UTC.
///
/// Further digits of the fraction are accepted only if they are zeros, because they cannot be stored. (Epoch numbers
/// are rounded instead: their last digits come from a double. The digits of a text were written on purpose.)
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let (date, time) = (bytes.get(..10)?, bytes.get(11..19)?);
    if !matches!(bytes[10], b' ' | b'T') || time[2] != b':' || time[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (digits(&time[..2])?, digits(&time[3..5])?, digits(&time[6..])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, zone) = fraction(&bytes[19..])?;
    let seconds =
        i64::from(days(date)?) * 86_400 + hour * 3_600 + minute * 60 + second - offset_seconds(zone)?;
    Some(seconds * MICROS + fraction)
}

/// Parses `YYYY-MM-DD` into days since the epoch. The year is 1 to 9999. Returns `None` for any other text,
/// and for a day that does not exist.
#[must_use]
pub fn parse_date(text: &str) -> Option<i32> {
    days(text.as_bytes())
}

/// Parses a text that contains only digits.
fn digits(bytes: &[u8]) -> Option<i64> {
    bytes
        .iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

/// Days since the epoch of `YYYY-MM-DD`. `None` if there is no such day.
fn days(date: &[u8]) -> Option<i32> {
    if date.len() != 10 || date[4] != b'-' || date[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits(&date[..4])?, digits(&date[5..7])?, digits(&date[8..])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if year == 0 || !(1..=length).contains(&day) {
        return None;
    }
    // Days from civil (H. Hinnant). Years start in March, so that the leap day is the last day of the year.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    i32::try_from(era * 146_097 + day_of_era - 719_468).ok()
}

/// Parses an optional fraction. Returns its microseconds and the rest of the text.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = rest.strip_prefix(b".") else { return Some((0, rest)) };
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, zone) = rest.split_at(count);
    let (kept, beyond) = fraction.split_at(count.min(6));
    if kept.is_empty() || beyond.iter().any(|&byte| byte != b'0') {
        return None;
    }
    let scale = (kept.len()..6).fold(1, |scale, _| scale * 10);
    Some((digits(kept)? * scale, zone))
}

/// Parses a zone into seconds east of UTC. No zone is UTC.
fn offset_seconds(zone: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match zone {
        [] | b"Z" => return Some(0),
        [b'+', h1, h2, b':', m1, m2] | [b'+', h1, h2, m1, m2] => (1, [*h1, *h2], [*m1, *m2]),
        [b'-', h1, h2, b':', m1, m2] | [b'-', h1, h2, m1, m2] => (-1, [*h1, *h2], [*m1, *m2]),
        _ => return None,
    };
    let (hours, minutes) = (digits(&hours)?, digits(&minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_formats_of_the_sources_are_parsed() {
        assert_eq!(parse_timestamp("1970-01-01 00:00:00"), Some(0));
        assert_eq!(parse_timestamp("2021-08-14 22:55:50.123456"), Some(1_628_981_750_123_456));
        assert_eq!(parse_timestamp("2021-08-14T22:55:50Z"), Some(1_628_981_750_000_000));
        assert_eq!(parse_timestamp("2021-08-15T00:55:50.1+02:00"), Some(1_628_981_750_100_000));
        assert_eq!(parse_timestamp("2021-08-14T22:55:50.123456000Z"), Some(1_628_981_750_123_456));
        assert_eq!(parse_date("2000-02-29"), Some(11_016));
    }

    #[test]
    fn invalid_times_and_times_that_cannot_be_stored_are_rejected() {
        for text in [
            "",
            "2021",
            "2021-02-29 00:00:00",
            "2021-13-01 00:00:00",
            "2021-01-01 24:00:00",
            "2021-01-01 00:00:60",
            "2021-01-01 00:00:00.",
            "2021-01-01 00:00:00.1234567",
            "2021-01-01 00:00:00 ",
            "2021-01-01 00:00:00+1",
            "0000-01-01 00:00:00",
            "2021-01-01x00:00:00",
            "２021-01-01 00:00:00",
            "2021-01-01 00:00:0x",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn consecutive_days_have_consecutive_numbers(year in 1..=9998_i32, month in 1..=12_u32, day in 1..=28_u32) {
            let at = |y: i32, m: u32, d: u32| parse_date(&format!("{y:04}-{m:02}-{d:02}"));
            let next = [(year, month, day + 1), (year, month + 1, 1), (year + 1, 1, 1)];
            let next = next.into_iter().find_map(|(y, m, d)| at(y, m, d));
            prop_assert_eq!(next, at(year, month, day).map(|days| days + 1));
        }

        #[test]
        fn no_text_causes_a_panic(text in ".{0,40}") {
            let _ = (parse_timestamp(&text), parse_date(&text));
        }
    }
}
