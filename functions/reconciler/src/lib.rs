//! Certificates: of each lane, window after window of offsets, whether every record that Kafka took is stored or parked, and
//! none twice.
//!
//! Each invocation closes the windows that end now, and judges the ones that earlier invocations closed. A window that fails
//! is judged again until it holds, an operator accepts it, or its days are over.

mod amounts;
mod closing;
mod judging;
mod lanes;
mod letters;
mod report;
mod request;
mod round;
mod settings;

pub use self::settings::Settings;
pub use report::{Report, TopicReport};
pub use request::{Request, RequestError};
pub use round::{Round, RoundError};
