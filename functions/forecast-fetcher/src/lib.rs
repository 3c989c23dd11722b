//! Fetches JSON answers of HTTP APIs and stores them unchanged as objects on S3, one for each item of a source.
//!
//! A [`Request`] names the items, and a [`Source`] describes how to fetch them. [`Fetcher`] fetches the items
//! concurrently, each within its share of the time, and reports which were stored and which failed. Only [`Buckets`]
//! and the `secrets` crate depend on AWS.

mod answer;
mod body;
mod download;
mod fault;
mod fetch;
mod invocation;
mod item;
mod pages;
mod pointer;
mod report;
mod request;
mod retry_after;
mod settings;
mod share;
mod source;
mod source_file;
mod store;
mod template;
mod token;

pub use self::settings::Settings;
pub use fetch::{FetchError, Fetcher};
pub use invocation::invocation;
pub use item::{BadItem, Item};
pub use pointer::{BadPointer, Pointer};
pub use report::{Failed, Report, Stored};
pub use request::{BadRequest, Request};
pub use source::Source;
pub use store::{Buckets, RawObjects, Tokens};
