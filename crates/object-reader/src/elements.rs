//! The elements of an object that holds a JSON array, compressed or not, read in pieces.

use s3::ObjectVersion;
use tokio::time::Instant;

use crate::error::ReadError;
use crate::gunzip::{BadGzip, Inflater, is_gzip};
use crate::json_array::{Damage, ElementReader, Piece, Position};
use crate::source::{ObjectReader, ObjectSource};

/// The longest element that is read as one; real ones have some hundred bytes.
const LONGEST_ELEMENT: usize = 1 << 20;

/// Why an object is not a whole array of elements.
#[derive(Debug, thiserror::Error)]
pub enum BadArray {
    /// Its bytes cannot be expanded.
    #[error(transparent)]
    Gzip(#[from] BadGzip),
    /// What they hold is not one array, or breaks off.
    #[error(transparent)]
    Json(#[from] Damage),
}

/// An object's bytes, expanded if they are compressed, cut into elements.
#[derive(Debug)]
pub struct ObjectElements {
    bytes: ObjectReader,
    inflater: Inflater,
    elements: ElementReader,
    /// Expanded bytes that were dealt with before.
    skip: u64,
}

impl ObjectElements {
    /// Reads `version` of the object from `position` on. Compressed content may expand to `largest` bytes.
    pub async fn open(
        source: &ObjectSource,
        path: &str,
        version: &ObjectVersion,
        position: Position,
        largest: u64,
        deadline: Instant,
    ) -> Result<Self, ReadError> {
        let mut bytes = source.read(path, version, 0, deadline);
        let mut inflater = Inflater::new(largest);
        let mut skip = position.byte;
        if skip > 0 {
            // What is compressed can only be entered at its beginning.
            let first = bytes.next().await?.unwrap_or_default();
            if is_gzip(&first) {
                inflater.push(first);
            } else {
                bytes = source.read(path, version, skip, deadline);
                skip = 0;
            }
        }
        Ok(Self { bytes, inflater, elements: ElementReader::resume(position, LONGEST_ELEMENT), skip })
    }

    /// The next element that lies in memory; `None` until [`Self::feed`] has brought more.
    pub fn next_piece(&mut self) -> Result<Option<Piece<'_>>, Damage> {
        self.elements.next_piece()
    }

    /// Brings more bytes; at their end says whether they were a whole array.
    pub async fn feed(&mut self) -> Result<Option<Result<(), BadArray>>, ReadError> {
        loop {
            let expanded = match self.inflater.next_piece() {
                Ok(expanded) => expanded,
                Err(error) => return Ok(Some(Err(error.into()))),
            };
            if let Some(mut expanded) = expanded {
                let dropped = self.skip.min(expanded.len() as u64);
                self.skip -= dropped;
                let _ = expanded.split_to(usize::try_from(dropped).unwrap_or(expanded.len()));
                if !expanded.is_empty() {
                    self.elements.push(expanded);
                    return Ok(None);
                }
            } else if let Some(bytes) = self.bytes.next().await? {
                self.inflater.push(bytes);
            } else {
                let end = self.inflater.finish().map_err(BadArray::from);
                return Ok(Some(end.and_then(|()| Ok(self.elements.finish()?))));
            }
        }
    }

    /// Behind the last element that was returned.
    #[must_use]
    pub fn position(&self) -> Position {
        self.elements.position()
    }
}
