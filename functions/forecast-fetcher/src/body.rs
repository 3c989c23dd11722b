//! Reads an answer's body into memory, up to a limit.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use crate::fault::Fault;

/// The longest answer, in bytes.
pub(crate) const LONGEST: usize = 8 << 20;

/// How many bytes of an error answer are read for its reason.
const LONGEST_BAD: usize = 16 << 10;

/// Reads the whole body. A body that is shorter than its declared length is a broken connection.
pub(crate) async fn whole(mut body: Incoming) -> Result<Bytes, Fault> {
    let too_large = || Fault::TooLarge(format!("the answer has more than {} MB", LONGEST >> 20));
    if body.size_hint().lower() > LONGEST as u64 {
        return Err(too_large());
    }
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Fault::unanswered(&error))?;
        if let Ok(bytes) = frame.into_data() {
            if read.len() + bytes.len() > LONGEST {
                return Err(too_large());
            }
            read.extend_from_slice(&bytes);
        }
    }
    Ok(read.into())
}

/// Reads the beginning of a body. Errors are ignored.
pub(crate) async fn beginning(mut body: Incoming) -> Vec<u8> {
    let mut read = Vec::new();
    while read.len() < LONGEST_BAD
        && let Some(Ok(frame)) = body.frame().await
    {
        read.extend_from_slice(frame.data_ref().map_or(&[], |bytes| bytes));
    }
    read
}
