//! End-to-end tests: the functions' real binaries on the real parts.
//!
//! A function runs as Lambda runs it, as a process that asks a Runtime API for events ([`Function`]); between it and
//! S3 or Postgres a [`Proxy`] can be put that acts at the very request where a crash hurts most. The parts themselves
//! are those of a running local stack, named by the environment as `headwater env` prints it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "test code fails by panicking"
)]

mod bucket;
mod events;
mod function;
mod http;
mod object_lane;
mod own_postgres;
mod parts;
mod proxy;
mod runtime_api;
mod sinks;
pub mod stack;
mod topic;
mod waiting;
mod web;

pub use bucket::{Bucket, notification, queue_event};
pub use events::{Record, event, room};
pub use function::{Freezer, Function, Invoked};
pub use http::{Answered, http_event};
pub use object_lane::ObjectLane;
pub use own_postgres::OwnPostgres;
pub use parts::Parts;
pub use proxy::{Moment, Proxy, authority};
pub use sinks::{Row, Sinks};
pub use topic::Topic;
pub use waiting::until;
pub use web::Web;
