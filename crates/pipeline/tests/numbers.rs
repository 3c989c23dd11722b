//! A number is stored exactly as it was written, in any notation, or the record is poison.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use pipeline::{Field, RecordDecoder, TimestampFormat, Value, parse_epoch};
use proptest::prelude::*;

/// Decodes one number with a field of this type. `field_type` is the rest of the field's JSON after
/// `"type":`.
fn decode(field_type: &str, value: &str) -> Result<Value<'static>, String> {
    let fields = format!(r#"[{{"name":"n","type":{field_type}}}]"#);
    let decoder = RecordDecoder::new(&serde_json::from_str::<Vec<Field>>(&fields).unwrap());
    let (record, mut row) = (format!("{{\"n\":{value}}}"), Vec::new());
    match decoder.decode(record.as_bytes(), &mut row) {
        Ok(_) => Ok(match row.remove(0) {
            Value::Integer(number) => Value::Integer(number),
            Value::Float(number) => Value::Float(number),
            Value::Decimal(number) => Value::Decimal(number),
            Value::Timestamp(micros) => Value::Timestamp(micros),
            other => panic!("{other:?}"),
        }),
        Err(poison) => Err(poison.to_string()),
    }
}

/// The unscaled value; `None` if the record is poison.
fn decimal(precision_and_scale: &str, value: &str) -> Option<i128> {
    match decode(&format!("\"decimal({precision_and_scale})\""), value) {
        Ok(Value::Decimal(unscaled)) => Some(unscaled),
        Ok(other) => panic!("{other:?}"),
        Err(reason) => {
            assert!(
                reason.starts_with("field `n` must be decimal(") || reason.starts_with("not JSON"),
                "{reason}"
            );
            None
        }
    }
}

/// The notation must not decide whether a record is parked: serializers write the same number in different
/// notations.
#[test]
fn decimals_are_accepted_in_any_notation_if_they_fit_exactly() {
    for (value, unscaled) in [
        ("1e2", 10_000_000_000),
        ("1E+2", 10_000_000_000),
        ("1E-7", 10),
        ("1e-8", 1),
        ("100e-2", 100_000_000),
        ("0E-8", 0),
        ("0e999999999999999999999", 0),
        ("0.000000000000000000000000000000000000000000", 0),
        ("-0", 0),
        ("-0.0e5", 0),
        ("1.50", 150_000_000),
        ("1.500000000000000000000000000000000000000000000000", 150_000_000),
        ("1.6929998735345112E8", 16_929_998_735_345_112),
        ("-9999999999.99999999", -999_999_999_999_999_999),
        ("0.0000000001e9", 10_000_000),
        ("12345000000000000000000e-16", 123_450_000_000_000),
    ] {
        assert_eq!(decimal("18,8", value), Some(unscaled), "{value}");
        assert_eq!(decimal("18,8", &format!("\"{value}\"")), Some(unscaled), "{value} in a string");
    }
    for (value, unscaled) in [("+1", 10), ("01.50", 15), (".5", 5), ("5.", 50), ("+.5e1", 50), ("007", 70)] {
        assert_eq!(decimal("3,1", &format!("\"{value}\"")), Some(unscaled), "as Postgres reads it: {value}");
        assert_eq!(decimal("3,1", value), None, "no JSON number: {value}");
    }
    for value in [
        "1e-9",
        "0.000000001",
        "1e10",
        "10000000000",
        "1e39",
        "1e400000",
        "1e-400000",
        "9999999999.999999999",
    ] {
        assert_eq!(decimal("18,8", value), None, "{value}");
    }
    let others = [
        "", " 1", "1 ", "NaN", "Infinity", "-inf", "0x10", "1_000", "1e", "e5", ".", "-", "+", "--1",
        "1.2.3", "1e5.5", "١",
    ];
    for value in others {
        assert_eq!(decimal("18,8", &format!("\"{value}\"")), None, "{value}");
    }
    assert_eq!(decimal("38,0", "99999999999999999999999999999999999999"), Some(10_i128.pow(38) - 1));
    assert_eq!(decimal("38,0", "327267367867168100000"), Some(327_267_367_867_168_100_000));
    assert_eq!(decimal("38,0", "1e38"), None);
    assert_eq!(decimal("38,38", "0.00000000000000000000000000000000000001"), Some(1));
    assert_eq!(decimal("38,18", "1.234567890123456789"), Some(1_234_567_890_123_456_789));
}

#[test]
fn integers_are_accepted_in_any_notation_and_exactly() {
    for (value, expected) in [
        ("-0", 0),
        ("0", 0),
        ("2.0", 2),
        ("2e0", 2),
        ("1e3", 1_000),
        ("1.5E1", 15),
        ("100e-2", 1),
        ("-0.0", 0),
        ("2147483647.000", 2_147_483_647),
    ] {
        assert_eq!(decode("\"int64\"", value), Ok(Value::Integer(expected)), "{value}");
        assert_eq!(decode("\"int32\"", value), Ok(Value::Integer(expected)), "{value}");
    }
    for (value, expected) in [
        ("1627668684594000000", 1_627_668_684_594_000_000),
        ("9007199254740993", 9_007_199_254_740_993),
        ("9223372036854775807.0", i64::MAX),
        ("-9223372036854775808", i64::MIN),
        ("-922337203685477580.8e1", i64::MIN),
    ] {
        assert_eq!(decode("\"int64\"", value), Ok(Value::Integer(expected)), "{value}");
    }
    for (field_type, value, found) in [
        ("int32", "2147483648", "an integer beyond 32 bits"),
        ("int32", "-2147483649.0", "an integer beyond 32 bits"),
        ("int32", "1e400", "an integer beyond 64 bits"),
        ("int64", "9223372036854775808", "an integer beyond 64 bits"),
        ("int64", "18446744073709551616", "an integer beyond 64 bits"),
        ("int64", "1e99999999999999999999", "an integer beyond 64 bits"),
        ("int64", "2.5", "a number with a fraction"),
        ("int64", "1e-1", "a number with a fraction"),
        ("int64", "9007199254740993.00000000000000001", "a number with a fraction"),
        ("int64", "1e-99999999999999999999", "a number with a fraction"),
        ("int64", "\"2\"", "a string"),
    ] {
        let reason = format!("field `n` must be {field_type}, but is {found}");
        assert_eq!(decode(&format!("\"{field_type}\""), value), Err(reason), "{value}");
    }
}

#[test]
fn floats_are_rounded_to_the_nearest_and_keep_the_sign_of_zero() {
    for (value, expected) in [
        ("-0.0", -0.0),
        ("-0", -0.0),
        ("-0e5", -0.0),
        ("0", 0.0),
        ("5", 5.0),
        ("327267367867168100000", 327_267_367_867_168_100_000.0),
        ("1e-400", 0.0),
        ("1.7976931348623157e308", f64::MAX),
        ("2.2250738585072011e-308", 2.225_073_858_507_201e-308),
    ] {
        let Ok(Value::Float(number)) = decode("\"float64\"", value) else { panic!("{value}") };
        assert_eq!(number.to_bits(), expected.to_bits(), "{value}");
    }
    for value in ["1e400", "-1e400", "1e99999999999999999999"] {
        let reason = "field `n` must be float64, but is a number beyond 64-bit floats";
        assert_eq!(decode("\"float64\"", value), Err(reason.to_owned()), "{value}");
    }
}

#[test]
fn an_epoch_number_is_rounded_to_the_nearest_microsecond() {
    let (seconds, millis) = (TimestampFormat::EpochSeconds, TimestampFormat::EpochMillis);
    for (number, format, micros) in [
        ("1795209862.1234564", seconds, 1_795_209_862_123_456),
        ("1795209862.1234565", seconds, 1_795_209_862_123_457),
        ("1795209862.12345649999999999999999999999999999999", seconds, 1_795_209_862_123_456),
        ("1659386157.403862", seconds, 1_659_386_157_403_862),
        ("1.7952098621234565E9", seconds, 1_795_209_862_123_457),
        ("17952098621234564e-7", seconds, 1_795_209_862_123_456),
        ("-0.0000005", seconds, -1),
        ("-0.0000004", seconds, 0),
        ("0.0000005", seconds, 1),
        ("0.00000049999", seconds, 0),
        ("5e-324", seconds, 0),
        ("0e999999999999", seconds, 0),
        ("253402300799.9999994", seconds, 253_402_300_799_999_999),
        ("1690825888386", millis, 1_690_825_888_386_000),
        ("1795209862123.4567", millis, 1_795_209_862_123_457),
        ("1795209862123.0", millis, 1_795_209_862_123_000),
        ("-62135596800000", millis, -62_135_596_800_000_000),
    ] {
        assert_eq!(parse_epoch(number, format), Some(micros), "{number}");
        let name = if format == seconds { "epoch_seconds" } else { "epoch_millis" };
        let decoded = decode(&format!("\"timestamp\",\"format\":\"{name}\""), number);
        assert_eq!(decoded, Ok(Value::Timestamp(micros)), "{number}");
    }
    for number in
        ["253402300799.9999995", "-62135596800.0000005", "1795209862000000", "1e400", "1e999999999999"]
    {
        let reason = "field `n` must be timestamp, but is a time outside the years 1 to 9999";
        assert_eq!(
            decode("\"timestamp\",\"format\":\"epoch_seconds\"", number),
            Err(reason.to_owned()),
            "{number}"
        );
    }
    let text = decode("\"timestamp\",\"format\":\"epoch_seconds\"", "\"1795209862\"");
    assert_eq!(text, Err("field `n` must be timestamp, but is a string".to_owned()));
    assert_eq!(parse_epoch("1", TimestampFormat::Iso), None);
}

/// `1e999999999` must not be expanded to its digits.
#[test]
fn a_large_exponent_needs_neither_time_nor_memory() {
    let zeros = "0".repeat(2_000_000);
    let started = Instant::now();
    for value in ["1e2147483647", "1e-2147483647", "9e999999999", "1e-999999999"] {
        for field_type in [
            "\"int64\"",
            "\"float64\"",
            "\"decimal(18,8)\"",
            "\"timestamp\",\"format\":\"epoch_seconds\"",
            "\"json\"",
        ] {
            if let (Ok(value), false) = (decode(field_type, value), field_type == "\"json\"") {
                assert!(matches!(value, Value::Float(_) | Value::Timestamp(0)), "{value:?}");
            }
        }
    }
    assert_eq!(decimal("18,8", &format!("1{zeros}e-2000000")), Some(100_000_000));
    assert_eq!(decimal("18,8", &format!("0.{zeros}1e2000001")), Some(100_000_000));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

/// The number without an exponent: the whole part without leading zeros, the fraction without trailing zeros.
fn plain(digits: &str, point: i64) -> (String, String) {
    let mut padded = digits.to_owned();
    let mut point = point;
    while point < 0 {
        padded.insert(0, '0');
        point += 1;
    }
    while i64::try_from(padded.len()).unwrap() < point {
        padded.push('0');
    }
    let (whole, fraction) = padded.split_at(usize::try_from(point).unwrap());
    (whole.trim_start_matches('0').to_owned(), fraction.trim_end_matches('0').to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_decimal_equals_its_digits_with_the_point_moved(
        (negative, whole, fraction) in (any::<bool>(), "0|[1-9][0-9]{0,24}", "[0-9]{0,24}"),
        (exponent, mark) in (proptest::option::of(-45..45_i64), "[eE]\\+?"),
        (precision, scale) in (1..=38_u8).prop_flat_map(|precision| (Just(precision), 0..=precision)),
    ) {
        let sign = if negative { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        let power = exponent.map(|exponent| {
            let mark = if exponent < 0 { mark.trim_end_matches('+') } else { &mark };
            format!("{mark}{exponent}")
        });
        let text = format!("{sign}{whole}{point}{fraction}{}", power.unwrap_or_default());
        let (by_hand, by_hand_fraction) =
            plain(&format!("{whole}{fraction}"), i64::try_from(whole.len()).unwrap() + exponent.unwrap_or(0));
        let held = by_hand.len() <= usize::from(precision - scale) && by_hand_fraction.len() <= usize::from(scale);
        let expected = held.then(|| {
            let digits = format!("{by_hand}{by_hand_fraction:0<scale$}", scale = usize::from(scale));
            format!("0{digits}").parse::<i128>().unwrap() * if negative { -1 } else { 1 }
        });
        let field_type = format!("{precision},{scale}");
        prop_assert_eq!(decimal(&field_type, &text), expected, "{}", text);
        prop_assert_eq!(decimal(&field_type, &format!("\"{text}\"")), expected, "{}", text);

        let integer = expected.filter(|_| by_hand_fraction.is_empty());
        if let Some(integer) = integer.map(|integer| integer / 10_i128.pow(scale.into())) {
            let decoded = decode("\"int64\"", &text).ok();
            prop_assert_eq!(decoded, i64::try_from(integer).ok().map(Value::Integer), "{}", text);
        }
    }

    #[test]
    fn epoch_seconds_equal_their_rounded_digits(second in -10_000_000_000..10_000_000_000_i64, fraction in "[0-9]{0,20}") {
        let text = if fraction.is_empty() { second.to_string() } else { format!("{second}.{fraction}") };
        // Twenty-six digits fit into an i128, so this computes in 10⁻²⁰ seconds.
        let fraction = format!("{fraction:0<20}").parse::<i128>().unwrap();
        let negative = text.starts_with('-');
        let size = i128::from(second.unsigned_abs()) * 10_i128.pow(20) + fraction;
        let micros = (size + 5 * 10_i128.pow(13)) / 10_i128.pow(14);
        let micros = i64::try_from(if negative { -micros } else { micros }).unwrap();
        prop_assert_eq!(parse_epoch(&text, TimestampFormat::EpochSeconds), Some(micros), "{}", text);
        let scientific = format!("{}e10", text.replacen('.', "", 1));
        let _ = parse_epoch(&scientific, TimestampFormat::EpochMillis);
    }

    #[test]
    fn every_float_is_decoded_unchanged(number in any::<f64>().prop_filter("finite", |number| number.is_finite())) {
        for text in [format!("{number:?}"), format!("{number:e}"), serde_json::json!(number).to_string()] {
            let Ok(Value::Float(decoded)) = decode("\"float64\"", &text) else { panic!("{text}") };
            prop_assert_eq!(decoded.to_bits(), number.to_bits(), "{}", text);
        }
    }

    #[test]
    fn no_text_causes_a_panic(text in "[-+0-9.eE]{0,40}") {
        for field_type in ["\"int32\"", "\"int64\"", "\"float64\"", "\"decimal(38,10)\""] {
            let _ = decode(field_type, &text);
            let _ = decode(field_type, &format!("\"{text}\""));
        }
        let _ = parse_epoch(&text, TimestampFormat::EpochSeconds);
    }
}
