//! Delta's transaction log: its actions, and the state that an appending writer needs of it.

pub(crate) mod actions;
mod checkpoint;
mod files;
pub(crate) mod properties;
pub(crate) mod protocol;
mod reader;
mod state;

pub(crate) use checkpoint::Checkpoint;
pub(crate) use files::Segment;
pub use files::{FOLDER, LogName, commit_path};
pub(crate) use reader::LogReader;
pub use state::AppVersions;
pub(crate) use state::{State, commit_id};
