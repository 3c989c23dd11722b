//! Parses `Retry-After`, the pause that a server asks for.

use std::time::{Duration, SystemTime};

use hyper::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// The pause that the header asks for. Its value is a number of seconds, which some servers send with a
/// fraction, or an HTTP date (RFC 9110, section 10.2.3). A date is compared with the server's clock (`Date`)
/// if the answer has it, otherwise with `now`. A date in the past is a pause of zero.
///
/// `None` if the header is missing or cannot be parsed.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if asked.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        let seconds = asked.parse().ok()?;
        return Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
    }
    let date = httpdate::parse_http_date(asked).ok()?;
    let now = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The pause for a header and a server time, while the local clock is at 1970.
    fn asked(value: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().ok()?);
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        retry_after(&headers, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn seconds_fractions_and_the_three_http_date_formats_are_parsed() {
        assert_eq!(asked("7", None), Some(Duration::from_secs(7)));
        assert_eq!(asked(" 0 ", None), Some(Duration::ZERO));
        assert_eq!(asked("299.997", None), Some(Duration::from_millis(299_997)));
        assert_eq!(asked("99999999999999999999999", None), Some(Duration::MAX));
        let now = Some("Wed, 21 Oct 2015 07:28:00 GMT");
        for date in
            ["Wed, 21 Oct 2015 07:28:30 GMT", "Wednesday, 21-Oct-15 07:28:30 GMT", "Wed Oct 21 07:28:30 2015"]
        {
            assert_eq!(asked(date, now), Some(Duration::from_secs(30)), "{date}");
        }
        assert_eq!(asked("Wed, 21 Oct 2015 07:27:00 GMT", now), Some(Duration::ZERO), "a time that is over");
        assert_eq!(asked("Thu, 01 Jan 1970 00:00:05 GMT", None), Some(Duration::from_secs(5)));
    }

    /// The usual pauses apply then.
    #[test]
    fn a_value_that_cannot_be_parsed_is_ignored() {
        for value in ["", "-1", "soon", "1e9", "NaN", "inf", "1.2.3", "2015-10-21T07:28:00Z"] {
            assert_eq!(asked(value, None), None, "{value:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::now()), None);
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(value in "[ -~]{0,40}", date in "[ -~]{0,40}") {
            asked(&value, Some(&date));
        }
    }
}
