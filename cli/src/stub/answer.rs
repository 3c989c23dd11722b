//! Makes a 72-hour forecast in the form of the source system.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde_json::{Value, json};

/// The number of hours in an answer.
const HOURS: i64 = 72;

/// Some cities of the source system: id, name and state. Any other id also gets a forecast, under a made-up name.
const CITIES: [(u64, &str, &str); 5] = [
    (3477, "São Paulo", "SP"),
    (5959, "Rio de Janeiro", "RJ"),
    (6879, "Curitiba", "PR"),
    (8173, "Brasília", "DF"),
    (7564, "Fortaleza", "CE"),
];

/// The forecast for a city as JSON, for 72 hours from the hour of `now`. The same city and hour always give the same
/// answer.
pub(crate) fn forecast(city: u64, now: DateTime<Utc>) -> Value {
    let known = CITIES.iter().find(|(id, ..)| *id == city);
    let (name, state) =
        known.map_or_else(|| (format!("City {city}"), "SP"), |(_, name, state)| ((*name).to_owned(), state));
    let first = now.duration_trunc(TimeDelta::hours(1)).unwrap_or(now);
    let hours: Vec<Value> = (0..HOURS).map(|hour| hour_of(city, first + TimeDelta::hours(hour))).collect();
    // The source system pads the country to four characters with spaces.
    json!({"id": city, "name": name, "state": state, "country": "BR  ", "data": hours})
}

/// One hour of the forecast, with pseudo-random values that depend on city and hour only.
fn hour_of(city: u64, at: DateTime<Utc>) -> Value {
    let hour = u64::try_from(at.timestamp() / 3600).unwrap_or(0);
    let noise = |range: u64, salt: u64| mixed(city ^ hour.rotate_left(17) ^ salt) % range;
    let of_day = hour % 24;
    // In tenths of a degree. Highest at 15:00 UTC and lowest at 3:00 UTC.
    let tenths = 230 + 5 * (12 - of_day.abs_diff(15).min(24 - of_day.abs_diff(15))) + noise(20, 1);
    // As in the source system, a whole number of degrees is an integer in JSON, and not a decimal number.
    let temperature = if tenths.is_multiple_of(10) { json!(tenths / 10) } else { json!(tenth(tenths)) };
    let rain = if noise(5, 2) == 0 { tenth(noise(60, 3)) } else { 0.0 };
    let directions = ["N", "NE", "E", "SE", "S", "SW", "W", "WSW"];
    let direction = usize::try_from(noise(8, 4)).unwrap_or(0);
    json!({
        "date": at.format("%Y-%m-%d %H:%M:%S").to_string(),
        "date_br": at.format("%d/%m/%Y %H:%M:%S").to_string(),
        "humidity": {"humidity": tenth(500 + noise(400, 5))},
        "pressure": {"pressure": tenth(10_050 + noise(150, 6))},
        "rain": {"precipitation": rain},
        "temperature": {"temperature": temperature},
        "wind": {
            "velocity": noise(20, 7),
            "direction": directions[direction],
            "directiondegrees": tenth(noise(3_600, 8)),
            "gust": tenth(noise(400, 9)),
        },
    })
}

#[allow(clippy::cast_precision_loss, reason = "the numbers are small")]
/// A number of tenths as a decimal number: 235 is 23.5.
fn tenth(tenths: u64) -> f64 {
    tenths as f64 / 10.0
}

/// Spreads a number over all bits (`SplitMix64`'s finalizer).
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_72_hours_and_temperatures_of_both_kinds() {
        let now = DateTime::from_timestamp(1_795_262_400, 0).unwrap();
        let answer = forecast(3477, now);
        let hours = answer["data"].as_array().unwrap();
        assert_eq!(hours.len(), 72);
        assert_eq!((&answer["id"], &answer["country"]), (&json!(3477), &json!("BR  ")));
        let whole = hours.iter().filter(|hour| hour["temperature"]["temperature"].is_u64()).count();
        assert!(whole > 0 && whole < 72, "{whole} whole numbers");
        assert_eq!(answer, forecast(3477, now + TimeDelta::minutes(59)), "the same within the hour");
    }
}
