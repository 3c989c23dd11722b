//! An event: a vehicle's state at one moment.

use std::fmt::Write;

use serde_json::Value;

use crate::fields::{Fields, Rejection};

/// The longest name or id, in characters.
const MOST_CHARS: usize = 200;

/// One event, as the data contract defines it. All numbers are finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Seconds since the Unix epoch, at most the end of the year 9999. A JSON number with the digits that the client
    /// sent.
    pub timestamp: String,
    /// The vehicle identification number: 17 characters of `[A-Z0-9]`.
    pub vin: String,
    /// The vehicle's manufacturer.
    pub make: String,
    /// The vehicle's model.
    pub model: String,
    /// The distance from the origin in metres, for the axes x, y and z.
    pub position: [f64; 3],
    /// The speed in metres per second.
    pub speed: f64,
    /// The event's id, if the client sent one.
    pub event_id: Option<String>,
    /// Additional fields in their order: name and JSON text.
    pub extra: Vec<(String, String)>,
}

impl Event {
    /// Checks the fields and makes the event.
    ///
    /// # Errors
    /// [`Rejection`] with the problems of all fields, not only the first.
    pub(crate) fn of(mut fields: Fields<'_>) -> Result<Self, Rejection> {
        let timestamp = fields.epoch_seconds("timestamp");
        let vin = fields.text("vin", MOST_CHARS).and_then(|vin| {
            let held = vin.len() == 17 && vin.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
            if held { Some(vin) } else { fields.problem("vin", "must be 17 of A-Z and 0-9") }
        });
        let (make, model) = (fields.text("make", MOST_CHARS), fields.text("model", MOST_CHARS));
        let [x, y, z] = ["position_x", "position_y", "position_z"].map(|name| fields.number(name));
        let speed = fields.number("speed");
        let event_id = fields.optional_text("event_id", MOST_CHARS);
        let extra = fields.extra();
        if let Some(rejection) = fields.rejection() {
            return Err(rejection);
        }
        let event = || {
            let position = [x?, y?, z?];
            Some(Self {
                timestamp: timestamp?,
                vin: vin?,
                make: make?,
                model: model?,
                position,
                speed: speed?,
                event_id,
                extra,
            })
        };
        // This does not happen: each missing value has added a problem, and problems are returned above.
        event().ok_or_else(|| Rejection::unreadable("the event is incomplete"))
    }

    /// The value of the event's Kafka record: one JSON object, with the known fields first and in the order of the
    /// contract. Floats are written with the fewest digits that give the same number when parsed.
    #[must_use]
    pub fn value(&self) -> String {
        let [x, y, z] = self.position.map(Value::from);
        let (vin, make, model) = (text(&self.vin), text(&self.make), text(&self.model));
        let (timestamp, speed) = (&self.timestamp, Value::from(self.speed));
        let mut value = format!(
            r#"{{"timestamp":{timestamp},"vin":{vin},"make":{make},"model":{model},"position_x":{x},"position_y":{y},"position_z":{z},"speed":{speed}"#
        );
        let id = self.event_id.as_deref().map(|id| ("event_id", text(id).to_string()));
        let extra = self.extra.iter().map(|(name, value)| (name.as_str(), value.clone()));
        for (name, json) in id.into_iter().chain(extra) {
            // Writing to a String cannot fail.
            let _ = write!(value, ",{}:{json}", text(name));
        }
        value.push('}');
        value
    }
}

/// A JSON string; its `Display` adds quotes and escapes.
fn text(text: &str) -> Value {
    Value::from(text)
}
