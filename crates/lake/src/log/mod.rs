//! Delta's transaction log: its actions, its files, and the state that a writer needs.

pub(crate) mod actions;
pub(crate) mod checkpoint;
mod files;
mod newest;
pub(crate) mod properties;
pub(crate) mod protocol;
mod reader;
mod search;
mod state;

pub(crate) use files::Segment;
pub use files::{FOLDER, LogName, commit_path, whole};
pub(crate) use reader::{LogReader, Replay, TRIES};
pub use state::AppVersions;
pub(crate) use state::{State, commit_id};
