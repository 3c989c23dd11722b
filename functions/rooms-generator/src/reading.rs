//! One reading: the number of people in a room.

use chrono::{DateTime, Timelike, Utc};
use rand::{Rng, RngExt};

/// The names of the rooms.
pub const ROOMS: [&str; 3] = ["A", "B", "C"];

/// The number of people in a room at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The time of the count. It is written with microseconds.
    pub ts: DateTime<Utc>,
    /// The room's name.
    pub room: &'static str,
    /// The number of people, 1 to 4.
    pub count: u8,
}

impl Reading {
    /// A reading of a random room at `ts`.
    pub fn draw(ts: DateTime<Utc>, random: &mut impl Rng) -> Self {
        let room = ROOMS[random.random_range(0..ROOMS.len())];
        Self { ts, room, count: random.random_range(1..=4) }
    }

    /// The record's value: one JSON object. The data contract fixes the format of the time: UTC with a space
    /// and without a zone, and without a fraction if the fraction is 0.
    #[must_use]
    pub fn line(&self) -> String {
        let format =
            if self.ts.nanosecond() / 1000 == 0 { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S%.6f" };
        format!(r#"{{"ts": "{}", "room": "{}", "count": {}}}"#, self.ts.format(format), self.room, self.count)
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDateTime;
    use proptest::prelude::*;

    use super::*;

    /// A record's value, parsed by its field names.
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        ts: String,
        room: String,
        count: i64,
    }

    #[test]
    fn a_line_has_the_format_of_the_data_contract() {
        let ts = DateTime::from_timestamp_micros(1_628_981_750_123_456).unwrap();
        let reading = Reading { ts, room: "A", count: 2 };
        assert_eq!(reading.line(), r#"{"ts": "2021-08-14 22:55:50.123456", "room": "A", "count": 2}"#);
        let reading = Reading { ts: ts.with_nanosecond(0).unwrap(), ..reading };
        assert_eq!(reading.line(), r#"{"ts": "2021-08-14 22:55:50", "room": "A", "count": 2}"#);
    }

    proptest! {
        #[test]
        fn a_line_has_the_values_of_the_reading(micros in 0..4_102_444_800_000_000_i64, seed in any::<u64>()) {
            use rand::SeedableRng;
            let ts = DateTime::from_timestamp_micros(micros).unwrap();
            let drawn = Reading::draw(ts, &mut rand::rngs::StdRng::seed_from_u64(seed));
            let line: Line = serde_json::from_str(&drawn.line()).unwrap();
            let read = NaiveDateTime::parse_from_str(&line.ts, "%Y-%m-%d %H:%M:%S%.f").unwrap().and_utc();
            prop_assert_eq!(read, ts);
            prop_assert_eq!(line.ts.contains('.'), micros % 1_000_000 != 0);
            prop_assert_eq!(line.room, drawn.room);
            prop_assert!((1..=4).contains(&line.count) && line.count == i64::from(drawn.count));
        }
    }
}
