//! Objects on S3: addresses, reads, conditional writes and deletes, all with retries until a deadline. Objects as input
//! are read in pieces, from S3 or from a web server.

mod elements;
mod error;
pub mod gunzip;
pub mod json_array;
mod location;
pub mod notification;
mod retry;
mod source;
mod store;
mod text;
mod version;
mod web;
mod web_client;

pub use aws_sdk_s3::Client;
pub use elements::{BadArray, ObjectElements};
pub use error::StoreError;
pub use location::{BadAddress, S3Location};
pub use source::{ObjectReader, ObjectSource, ReadError};
pub use store::{Listed, NotDeleted, ObjectStore, PutIfAbsent, client};
pub use text::{utf_16_units, without_byte_order_mark};
pub use version::ObjectVersion;
pub use web::{BadBaseUrl, BaseUrl, WebFolder};
pub use web_client::{WebClient, WebConnector, web_client, web_connector};
