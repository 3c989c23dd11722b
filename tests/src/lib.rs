//! Library of the end-to-end tests, which run the functions' real binaries on a running local stack.
//!
//! A function runs as in Lambda: as a process that requests events from a Runtime API ([`Function`]). A [`Proxy`]
//! between the function and S3 or Postgres can break the connection or kill the function at a chosen request. The tests
//! read the addresses of the stack from the environment variables that `headwater env` prints.
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
