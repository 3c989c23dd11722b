//! Makes certificates. A certificate says for one lane and one window of offsets whether every record in Kafka is
//! stored or parked exactly once.
//!
//! Each invocation closes the windows that end now, and judges the windows that earlier invocations closed. A window
//! that fails is judged again until it holds, until an operator accepts it, or until it expires.

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
