//! Vehicles' events over HTTP → Kafka, each acknowledged before the answer says so.
//!
//! A body is read into events and rejections ([`read`]), an [`Event`] knows its record's value, and what became of all
//! of them is one answer. None of that knows Kafka; [`Gateway`] brings them together.

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
