//! Draws random counts of people in rooms and produces them to Kafka, with every record acknowledged.

mod generate;
mod reading;
mod settings;

pub use self::settings::Settings;
pub use generate::{GenerateError, Generator, MOST_RECORDS, Produced, Request};
pub use reading::{ROOMS, Reading};
