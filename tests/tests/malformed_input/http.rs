//! Bodies of requests that vehicles send to the gateway.

use function_kit::http::{HeaderMap, HeaderValue, header};
use proptest::prelude::*;
use serde_json::Value;
use telemetry_gateway::read;

use crate::damage::survives;

/// A form with the fields of a vehicle, an emoji in percent-encoding, and numbers in several notations.
const FORM: &[u8] = b"timestamp=1795209862.1234564&vin=GD9KE1GANAGOCJ64E&make=m+%F0%9F%9A%97&model=x&position_x=-0.0&position_y=1e-7&position_z=12.5&speed=3";
/// The same event as JSON, with a surrogate pair in an additional field.
const EVENT: &[u8] = br#"{"timestamp":1795209862.1234564,"vin":"GD9KE1GANAGOCJ64E","make":"m","model":"x","position_x":-0.0,"position_y":1e-7,"position_z":12.5,"speed":3,"event_id":"e-1","more":{"a":["\ud83d\ude97",null]}}"#;

/// Damages bodies of one content type. The gateway must parse each one, or refuse it with a non-empty reason. An event
/// that it accepts must be a JSON object with the same VIN.
fn is_taken_or_refused(content_type: &'static str, valid: &[&[u8]]) {
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
    for body in valid {
        assert!(read(&headers, body).unwrap().events().count() > 0);
    }
    survives(valid, |body| {
        match read(&headers, body) {
            Ok(posted) => {
                prop_assert_eq!(&posted, &read(&headers, body).unwrap());
                for item in posted.items() {
                    match item {
                        Ok(event) => {
                            let value = event.value();
                            let record: Value = serde_json::from_str(&value).unwrap();
                            prop_assert_eq!(record["vin"].as_str(), Some(event.vin.as_str()));
                        }
                        Err(rejection) => prop_assert!(!rejection.error.is_empty()),
                    }
                }
            }
            Err(refusal) => prop_assert!(!refusal.to_string().is_empty()),
        }
        Ok(())
    });
}

#[test]
fn a_damaged_form_is_taken_or_refused_with_a_reason() {
    is_taken_or_refused("application/x-www-form-urlencoded", &[FORM]);
}

#[test]
fn damaged_json_is_taken_or_refused_with_a_reason() {
    let array = [b"[", EVENT, b",", EVENT, b"]"].concat();
    is_taken_or_refused("application/json", &[EVENT, &array]);
}

#[test]
fn damaged_lines_are_taken_or_refused_with_a_reason() {
    let lines = [EVENT, b"\r\n\n", EVENT].concat();
    is_taken_or_refused("application/x-ndjson", &[EVENT, &lines]);
}
