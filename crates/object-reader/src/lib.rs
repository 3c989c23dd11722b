//! Objects as input, from S3 or a web server: read in pieces, gunzipped, cut into the elements of a JSON array; and the
//! notifications that name them.

mod elements;
mod error;
pub mod gunzip;
pub mod json_array;
pub mod notification;
mod redirect;
mod source;
mod text;
mod web;
mod web_client;

pub use elements::{BadArray, ObjectElements};
pub use error::ReadError;
pub use redirect::{BadLink, follow, redirect};
pub use source::{ObjectReader, ObjectSource};
pub use text::{utf_16_units, without_byte_order_mark};
pub use web::{BadBaseUrl, BaseUrl, WebFolder};
pub use web_client::{WebClient, WebConnector, web_client, web_connector};
