//! Tables on a real S3 API: the emulator that `AWS_ENDPOINT_URL` names.

mod cost;
mod crashes;
mod faults;
mod foreign;
mod proxy;
mod races;
mod schema;
mod support;
mod types;
