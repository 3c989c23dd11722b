//! A vehicle's state at a moment.

use std::fmt::Write;

use serde_json::Value;

use crate::fields::{Fields, Rejection};

/// Characters of a name or an id.
const MOST_CHARS: usize = 200;

/// One event, as the data contract has it. Numbers are finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Seconds since the epoch, up to the end of the year 9999: a JSON number with the digits that were sent.
    pub timestamp: String,
    /// 17 of `[A-Z0-9]`.
    pub vin: String,
    /// Who made the vehicle.
    pub make: String,
    /// What it is called.
    pub model: String,
    /// Metres from the origin, by axis.
    pub position: [f64; 3],
    /// Metres per second.
    pub speed: f64,
    /// The sender's own name of this event.
    pub event_id: Option<String>,
    /// Further fields, by name and as JSON text, in their order.
    pub extra: Vec<(String, String)>,
}

impl Event {
    /// Reads the fields; a rejection names everything that is wrong with them.
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
        // Whatever is missing was noted.
        event().ok_or_else(|| Rejection::unreadable("the event is not whole"))
    }

    /// The record's value: one JSON object, known fields first and in the contract's order. Floats are the shortest
    /// that are read back as the same.
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

fn text(text: &str) -> Value {
    Value::from(text)
}
