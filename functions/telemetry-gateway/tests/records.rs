//! Every lane of the topic can decode every event that the gateway accepts. The tests send random events, and
//! decode the accepted ones with the decoder of the lanes.

use function_kit::http::{HeaderMap, HeaderValue, header};
use pipeline::{Field, FieldType, RecordDecoder, TimestampFormat, Value, parse_epoch};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use telemetry_gateway::{Event, Posted, read};

/// The fields with numbers, in the order of the record.
const NUMBERS: [&str; 4] = ["position_x", "position_y", "position_z", "speed"];

/// The decoder of the topic's lanes for the fields of the data contract.
fn decoder() -> RecordDecoder {
    let mut timestamp = Field::new("timestamp", FieldType::Timestamp, false);
    timestamp.format = TimestampFormat::EpochSeconds;
    let texts = ["vin", "make", "model"].map(|name| Field::new(name, FieldType::String, false));
    let numbers = NUMBERS.map(|name| Field::new(name, FieldType::Float64, false));
    let fields: Vec<Field> = [timestamp].into_iter().chain(texts).chain(numbers).collect();
    RecordDecoder::new(&fields)
}

/// The accepted event of a body; `None` if it was rejected.
fn posted(content_type: &'static str, body: &[u8]) -> Option<Event> {
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
    match read(&headers, body) {
        Ok(Posted::One(event)) => event.ok(),
        Ok(Posted::Many(_)) | Err(_) => None,
    }
}

/// Asserts that the event's record decodes to the event's values, and that all other fields count as unknown
/// ones.
fn assert_decoded(event: &Event) {
    let (value, decoder, mut row) = (event.value(), decoder(), Vec::new());
    let extra =
        decoder.decode(value.as_bytes(), &mut row).unwrap_or_else(|poison| panic!("{poison}: {value}"));
    assert_eq!(extra as usize, event.extra.len() + usize::from(event.event_id.is_some()));
    let micros = parse_epoch(&event.timestamp, TimestampFormat::EpochSeconds);
    let micros = micros.unwrap_or_else(|| panic!("{}", event.timestamp));
    let mut expected = vec![Value::Timestamp(micros)];
    expected.extend([&event.vin, &event.make, &event.model].map(|text| Value::Text(text.into())));
    expected.extend(event.position.map(Value::Float));
    expected.push(Value::Float(event.speed));
    assert_eq!(row, expected, "{value}");
}

fn finite() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("finite", |number| number.is_finite())
}

/// Seconds in the accepted range, with both ends, negative zero and the smallest positive number.
fn timestamp() -> impl Strategy<Value = f64> {
    prop_oneof![
        0.0..253_402_300_800.0_f64,
        Just(253_402_300_800.0_f64.next_down()),
        Just(0.0),
        Just(-0.0),
        Just(5e-324)
    ]
}

/// Texts that the gateway accepts: 1 to 200 characters, without control characters and U+FFFD.
fn text() -> impl Strategy<Value = String> {
    "\\PC{1,200}".prop_filter("whole", |text| !text.contains('\u{FFFD}'))
}

/// The name of a field, without U+FFFD.
fn name() -> impl Strategy<Value = String> {
    ".{0,5}".prop_filter("whole", |name| !name.contains('\u{FFFD}'))
}

/// JSON values of unknown fields, up to four levels deep.
fn extra() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        finite().prop_map(Into::into),
        any::<String>().prop_filter("whole", |text| !text.contains('\u{FFFD}')).prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Into::into),
            vec((name(), inner), 0..4).prop_map(|pairs| pairs.into_iter().collect::<serde_json::Value>()),
        ]
    })
}

proptest! {
    /// Valid events in JSON are accepted, keep their values, and can be decoded.
    #[test]
    fn a_json_event_is_accepted_and_can_be_decoded(
        (at, vin, make, model) in (timestamp(), "[A-Z0-9]{17}", text(), text()),
        (numbers, further) in (vec(finite(), 4), vec(extra(), 0..4)),
    ) {
        let mut event = json!({"timestamp": at, "vin": vin, "make": make, "model": model});
        for (name, number) in NUMBERS.iter().zip(&numbers) {
            event[name] = json!(number);
        }
        for (number, value) in further.iter().enumerate() {
            event[format!("further {number}")] = value.clone();
        }
        let taken = posted("application/json", event.to_string().as_bytes());
        prop_assert!(taken.is_some(), "{event}");
        let taken = taken.unwrap();
        prop_assert_eq!((&taken.make, &taken.model, taken.speed.to_bits()), (&make, &model, numbers[3].to_bits()));
        assert_decoded(&taken);
    }

    /// Valid events in a form are accepted, keep their values, and can be decoded. Numbers are written with
    /// an exponent.
    #[test]
    fn a_form_event_is_accepted_and_can_be_decoded(
        (at, vin, model) in (timestamp(), "[A-Z0-9]{17}", text()),
        (numbers, note) in (vec(finite(), 4), any::<String>()),
    ) {
        let note: String = note.chars().filter(|&c| c != '\u{FFFD}').collect();
        let encoded = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let mut form = format!("timestamp={at}&vin={vin}&make=Ford&model={}&note={}", encoded(&model), encoded(&note));
        form.extend(NUMBERS.iter().zip(&numbers).map(|(name, number)| format!("&{name}={number:e}")));
        let taken = posted("application/x-www-form-urlencoded", form.as_bytes());
        prop_assert!(taken.is_some(), "{form}");
        let taken = taken.unwrap();
        prop_assert_eq!((&taken.model, taken.speed.to_bits()), (&model, numbers[3].to_bits()));
        assert_decoded(&taken);
    }

    /// Each field in turn gets a random value. If the gateway accepts the event, the record can be decoded.
    #[test]
    fn every_accepted_event_of_random_values_can_be_decoded(
        values in vec(prop_oneof![extra().prop_map(|value| value.to_string()), "[-+0-9.eE]{1,12}", "\"\\PC{0,20}\""], 8),
        further in "\\PC{0,40}",
    ) {
        let good = ["1664624846.762738", "\"GD9KE1GANAGOCJ64E\"", "\"Ford\"", "\"Edge\"", "0", "0", "0", "2"];
        let names = ["timestamp", "vin", "make", "model", "position_x", "position_y", "position_z", "speed"];
        for place in 0..8 {
            let fields: Vec<String> = (0..8)
                .map(|other| format!("\"{}\":{}", names[other], if other == place { &values[other] } else { good[other] }))
                .collect();
            let object = format!("{{{},\"further\":\"{further}\"}}", fields.join(","));
            if let Some(event) = posted("application/json", object.as_bytes()) {
                assert_decoded(&event);
            }
        }
    }
}

/// The lanes accept 128 levels; the record itself is the first.
#[test]
fn an_unknown_field_of_127_levels_can_be_decoded() {
    let nested = format!("{}{}", "[".repeat(127), "]".repeat(127));
    let object = format!(
        r#"{{"timestamp":1,"vin":"GD9KE1GANAGOCJ64E","make":"a","model":"b","position_x":0,"position_y":0,"position_z":0,"speed":0,"x":{nested}}}"#
    );
    assert_decoded(&posted("application/json", object.as_bytes()).unwrap());
}
