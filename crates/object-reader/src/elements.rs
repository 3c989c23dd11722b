//! Reads the elements of an object that holds a JSON array, with or without gzip compression, in pieces.

use s3::ObjectVersion;
use tokio::time::Instant;

use crate::error::ReadError;
use crate::gunzip::{BadGzip, Inflater, is_gzip};
use crate::json_array::{Damage, ElementReader, Piece, Position};
use crate::source::{ObjectReader, ObjectSource};

/// The longest element in bytes. Real elements have a few hundred bytes.
const LONGEST_ELEMENT: usize = 1 << 20;

/// Why an object is not a complete JSON array.
#[derive(Debug, thiserror::Error)]
pub enum BadArray {
    /// The gzip content cannot be decompressed.
    #[error(transparent)]
    Gzip(#[from] BadGzip),
    /// The content is not one JSON array, or ends early.
    #[error(transparent)]
    Json(#[from] Damage),
}

/// Reads an object, decompresses it if necessary, and splits it into elements.
#[derive(Debug)]
pub struct ObjectElements {
    bytes: ObjectReader,
    inflater: Inflater,
    elements: ElementReader,
    /// The number of decompressed bytes before the start position that must still be skipped.
    skip: u64,
}

impl ObjectElements {
    /// Reads `version` of the object, starting at `position`. Compressed content may decompress to at most `largest`
    /// bytes. `position` counts decompressed bytes.
    ///
    /// # Errors
    /// The errors of [`ObjectReader::next`]. A request is sent here only if `position` is not the beginning.
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
            // A gzip stream can only be read from its beginning, so its first `skip` bytes are decompressed and
            // dropped.
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

    /// Returns the next element from the bytes in memory, or `None` if [`Self::feed`] must be called first.
    ///
    /// # Errors
    /// [`Damage`] of the content; see [`ElementReader::next_piece`].
    pub fn next_piece(&mut self) -> Result<Option<Piece<'_>>, Damage> {
        self.elements.next_piece()
    }

    /// Reads more bytes. Returns `None` if there are more bytes to process. At the end of the object, returns whether
    /// the object was a complete array.
    ///
    /// # Errors
    /// The outer `Err` is an error of reading, which may be retryable. The inner `Err` is damage of the object.
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

    /// The position after the last returned element.
    #[must_use]
    pub fn position(&self) -> Position {
        self.elements.position()
    }
}
