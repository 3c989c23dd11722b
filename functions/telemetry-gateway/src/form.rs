//! Parses an event from `application/x-www-form-urlencoded`.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use crate::event::Event;
use crate::fields::{Fields, Given, MOST_EXTRA, Rejection};

/// The largest number of fields in a form. An event has 9 known fields, so this leaves room for the unknown ones.
const MOST_PAIRS: usize = 2 * MOST_EXTRA;

/// Parses the event of a form. A form always holds one event. A field without `=` has an empty value.
///
/// # Errors
/// [`Rejection`] without single problems if the form has more than [`MOST_PAIRS`] fields or if a name is not
/// UTF-8; otherwise with the problems of the fields.
pub(crate) fn event(body: &[u8]) -> Result<Event, Rejection> {
    let pairs = || body.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty());
    if pairs().nth(MOST_PAIRS).is_some() {
        return Err(Rejection::unreadable(format!("the form has more than {MOST_PAIRS} fields")));
    }
    let mut fields = Vec::new();
    for pair in pairs() {
        let equals = pair.iter().position(|&byte| byte == b'=');
        let (name, value) = equals.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
        let name = decoded(name).ok_or_else(|| Rejection::unreadable("the name of a field is not UTF-8"))?;
        fields.push((name, decoded(value).map_or(Given::Broken, Given::Text)));
    }
    Event::of(Fields::new(fields))
}

/// Decodes `+` to a space, and percent-encoded bytes. `None` if the result is not UTF-8.
fn decoded(text: &[u8]) -> Option<Cow<'_, str>> {
    let spaced: Vec<u8> = text.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    let bytes: Vec<u8> = percent_decode(&spaced).collect();
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the data contract, as a form.
    const GOOD: &str = "timestamp=1664624846.762738&make=Ford&model=Explorer&position_x=0.00499&\
        position_y=2.4563888155285308e-05&position_z=0.0045&speed=2.1349&vin=GD9KE1GANAGOCJ64E";

    /// The problems of a form that must be rejected, as pairs of field and problem.
    fn problems(form: &str) -> Vec<(String, String)> {
        let rejection = event(form.as_bytes()).unwrap_err();
        rejection.errors.into_iter().map(|error| (error.field, error.problem)).collect()
    }

    #[test]
    fn the_example_of_the_data_contract_is_accepted() {
        let event = event(GOOD.as_bytes()).unwrap();
        assert_eq!(
            event.value(),
            r#"{"timestamp":1664624846.762738,"vin":"GD9KE1GANAGOCJ64E","make":"Ford","model":"Explorer","position_x":0.00499,"position_y":0.000024563888155285308,"position_z":0.0045,"speed":2.1349}"#
        );
    }

    #[test]
    fn text_is_decoded_with_quotes_spaces_and_umlauts() {
        for (given, model) in
            [("O'Neil", "O'Neil"), ("O%27Neil+%26+S%C3%B6hne", "O'Neil & Söhne"), ("a=b", "a=b")]
        {
            let form = GOOD.replace("Explorer", given);
            assert_eq!(event(form.as_bytes()).unwrap().model, model);
        }
    }

    #[test]
    fn numbers_are_accepted_in_every_notation_if_they_are_finite() {
        let speed = |text: &str| event(GOOD.replace("2.1349", text).as_bytes()).map(|event| event.speed);
        assert_eq!((speed("1e5"), speed("-0"), speed("7")), (Ok(1e5), Ok(-0.0), Ok(7.0)));
        for bad in ["nan", "NaN", "inf", "-infinity", "1e400", "fast", "", "0x10", "1,5", "%201"] {
            let found = problems(&GOOD.replace("2.1349", bad));
            assert!(matches!(&found[..], [(field, _)] if field == "speed"), "{bad}: {found:?}");
        }
    }

    #[test]
    fn a_timestamp_keeps_its_digits_and_becomes_a_json_number() {
        let long = format!("1795209862.{}", "1".repeat(100));
        for (given, written) in [
            ("1795209862.1234564", "1795209862.1234564"),
            ("1.795209862E9", "1.795209862E9"),
            ("0", "0"),
            ("%2B1795209862.1234565", "1795209862.123457"),
            (".5", "0.500000"),
            ("007", "7.000000"),
            (&long, "1795209862.111111"),
        ] {
            let taken = event(GOOD.replace("1664624846.762738", given).as_bytes()).unwrap();
            assert_eq!(taken.timestamp, written, "{given}");
        }
        for bad in
            ["nan", "inf", "1e12", "1e999999999999", "-1", "253402300799.9999999", "1_000", "1 ", "0x1"]
        {
            let found = problems(&GOOD.replace("1664624846.762738", bad));
            assert!(matches!(&found[..], [(field, _)] if field == "timestamp"), "{bad}: {found:?}");
        }
    }

    #[test]
    fn every_bad_and_missing_field_is_named_at_once() {
        let found = problems("timestamp=soon&make=&speed=inf&vin=short&vin=short&position_x=1");
        let fields: Vec<&str> = found.iter().map(|(field, _)| field.as_str()).collect();
        let expected = ["vin", "timestamp", "vin", "make", "model", "position_y", "position_z", "speed"];
        assert_eq!(fields, expected, "{found:?}");
        assert!(found.iter().any(|(_, problem)| problem == "is missing"));
    }

    #[test]
    fn a_repeated_field_is_an_error_also_if_it_is_unknown() {
        for again in ["&speed=2.1349", "&colour=red&colour=red"] {
            let found = problems(&format!("{GOOD}{again}"));
            assert!(matches!(&found[..], [(_, problem)] if problem == "occurs more than once"), "{found:?}");
        }
    }

    /// U+FFFD counts too: it shows that an earlier program has replaced invalid bytes.
    #[test]
    fn invalid_utf8_in_a_name_or_value_is_rejected() {
        for bad in ["&colour=%FF", "&colour=%EF%BF%BD", "&make2=\u{FFFD}"] {
            let found = problems(&format!("{GOOD}{bad}"));
            assert!(matches!(&found[..], [(_, problem)] if problem == "is not UTF-8"), "{bad}: {found:?}");
        }
        let broken = problems(&GOOD.replace("Explorer", "%FF"));
        assert_eq!(broken[0].0, "model");
        assert_eq!(event(format!("{GOOD}&%FF=1").as_bytes()).unwrap_err().errors, []);
        let mut raw = GOOD.as_bytes().to_vec();
        raw.extend_from_slice(b"&colour=\xff");
        assert!(event(&raw).is_err());
    }

    #[test]
    fn unknown_fields_are_kept_as_text_within_their_limits() {
        let taken = event(format!("{GOOD}&battery=80&note=a+%22b%22&event_id=e-1").as_bytes()).unwrap();
        assert!(
            taken.value().ends_with(r#","event_id":"e-1","battery":"80","note":"a \"b\""}"#),
            "{}",
            taken.value()
        );
        let many = |count| (0..count).fold(GOOD.to_owned(), |form, number| format!("{form}&f{number}=1"));
        assert_eq!(event(many(64).as_bytes()).unwrap().extra.len(), 64);
        assert!(event(many(65).as_bytes()).is_err() && event(many(100_000).as_bytes()).is_err());
        assert!(event(format!("{GOOD}&long={}", "x".repeat(70_000)).as_bytes()).is_err());
    }

    /// The limits are those of the strictest sink: Postgres has no NUL, and every reader of the tables shows
    /// years up to 9999.
    #[test]
    fn values_that_a_sink_cannot_store_are_rejected() {
        for (field, from, bad) in [
            ("vin", "GD9KE1GANAGOCJ64E", "gd9ke1ganagocj64e"),
            ("vin", "GD9KE1GANAGOCJ64E", "GD9KE1GANAGOCJ64EX"),
            ("vin", "GD9KE1GANAGOCJ64E", "GD9KE1GANAGOCJ64%C3%9C"),
            ("model", "Explorer", "Ex%00plorer"),
            ("model", "Explorer", "Ex%0Aplorer"),
            ("model", "Explorer", &"x".repeat(201)),
            ("timestamp", "1664624846.762738", "-1"),
            ("timestamp", "1664624846.762738", "253402300800"),
            ("timestamp", "1664624846.762738", "1664624846762738"),
        ] {
            let found = problems(&GOOD.replace(from, bad));
            assert!(matches!(&found[..], [(name, _)] if name == field), "{bad}: {found:?}");
        }
        assert!(event(GOOD.replace("Explorer", &"ü".repeat(200)).as_bytes()).is_ok());
    }
}
