//! Upkeep of the Delta tables that the pipeline files name: checkpoints, compaction, log clean-up and vacuum, table by
//! table, within the time of one invocation. What is not done in time is done by the next one.

mod report;
mod request;
mod round;
mod settings;
mod step;

pub use self::settings::Settings;
pub use report::{Report, TableReport};
pub use request::{Request, RequestError, Step};
pub use round::{Round, RoundError};
