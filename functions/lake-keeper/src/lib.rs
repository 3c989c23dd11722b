//! Maintains the Delta tables of the pipeline files: checkpoints, compaction, log cleanup and vacuum. One invocation
//! goes through all tables. Work for which there is no time is done by the next invocation.

mod report;
mod request;
mod round;
mod settings;
mod step;

pub use self::settings::Settings;
pub use report::{Report, TableReport};
pub use request::{Request, RequestError, Step};
pub use round::{Round, RoundError};
