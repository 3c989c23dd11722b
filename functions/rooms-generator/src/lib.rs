//! Room counts: what one looks like, how they are drawn, and producing them so that each is acknowledged.

mod generate;
mod reading;
mod settings;

pub use self::settings::Settings;
pub use generate::{GenerateError, Generator, MOST_RECORDS, Produced, Request};
pub use reading::{ROOMS, Reading};
