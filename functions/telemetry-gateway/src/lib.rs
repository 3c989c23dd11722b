//! Accepts events of vehicles over HTTP and sends them to Kafka. An event is reported as accepted only after the
//! brokers acknowledged it.
//!
//! [`read`] parses a body into events and rejections. [`Event::value`] is the value of an event's record. The results
//! of all events become one response. These parts do not depend on Kafka; [`Gateway`] connects them to it.

mod answer;
mod body;
mod event;
mod fields;
mod form;
mod gateway;
mod json;
mod settings;
mod token;

pub use self::settings::Settings;
pub use answer::{Sent, answer};
pub use body::{Posted, Refusal, read};
pub use event::Event;
pub use fields::{Problem, Rejection};
pub use gateway::Gateway;
