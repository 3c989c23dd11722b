//! Reads an answer's body into memory, up to a limit.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use crate::fault::Fault;

/// The longest answer, in bytes.
pub(crate) const LONGEST: usize = 8 << 20;

/// The number of bytes of an error answer that are read for the reason.
const LONGEST_BAD: usize = 16 << 10;

/// Reads the whole body.
///
/// # Errors
/// [`Fault::TooLarge`] if it has more than [`LONGEST`] bytes. [`Fault::Connection`] if it is shorter than its
/// declared length, or if the connection breaks.
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

/// Reads the beginning of a body: up to [`LONGEST_BAD`] bytes and the rest of the last frame. Errors are
/// ignored, because the status of the answer is already a fault.
pub(crate) async fn beginning(mut body: Incoming) -> Vec<u8> {
    let mut read = Vec::new();
    while read.len() < LONGEST_BAD
        && let Some(Ok(frame)) = body.frame().await
    {
        read.extend_from_slice(frame.data_ref().map_or(&[], |bytes| bytes));
    }
    read
}
