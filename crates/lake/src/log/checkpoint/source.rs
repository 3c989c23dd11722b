//! The bytes of a Parquet file, or only the parts of it that a writer needs.

use std::{collections::BTreeMap, io::Read};

use bytes::{Buf, Bytes};
use parquet::{
    errors::ParquetError,
    file::{
        metadata::ParquetMetaDataReader,
        reader::{ChunkReader, Length},
    },
};
use s3::{Listed, ObjectStore, StoreError};
use tokio::time::Instant;

use super::state_ranges;

/// A file of up to this many bytes is read completely, with one request.
const SMALL: u64 = 256 << 10;
/// The number of bytes to read from the end of a larger file first. The footer of a checkpoint has about 20 KB.
const TAIL: u64 = 64 << 10;
/// Ranges closer together than this many bytes are read as one.
const NEAR: u64 = 64 << 10;

/// A Parquet file of which some parts were read.
#[derive(Debug)]
pub(crate) struct Source {
    /// The size of the whole file in bytes.
    length: u64,
    /// The parts by their offset in the file.
    pieces: BTreeMap<u64, Bytes>,
}

impl Source {
    /// The whole file.
    pub(crate) fn whole(body: Bytes) -> Self {
        Self { length: body.len() as u64, pieces: BTreeMap::from([(0, body)]) }
    }

    /// Reads the parts with protocol, metadata and app transactions. For a large checkpoint these are a few kilobytes,
    /// read with two or three requests. Returns `Ok(None)` if the file is gone or was replaced.
    pub(crate) async fn of_state(
        store: &ObjectStore,
        file: &Listed,
        deadline: Instant,
    ) -> Result<Option<Self>, StoreError> {
        let length = file.version.size;
        if length <= SMALL {
            return Ok(store.get(&file.path, deadline).await?.map(Self::whole));
        }
        let mut source = Self { length, pieces: BTreeMap::new() };
        let tail = (length - TAIL, TAIL);
        if !source.fetch(store, file, tail, deadline).await? {
            return Ok(None);
        }
        let footer = source.footer_length();
        if footer > TAIL
            && footer <= length
            && !source.fetch(store, file, (length - footer, footer), deadline).await?
        {
            return Ok(None);
        }
        // If the footer is damaged, the later read of the file reports it.
        let Ok(metadata) = ParquetMetaDataReader::new().parse_and_finish(&source) else {
            return Ok(Some(source));
        };
        for range in joined(&state_ranges(metadata.row_groups())) {
            if !source.has(range) && !source.fetch(store, file, range, deadline).await? {
                return Ok(None);
            }
        }
        Ok(Some(source))
    }

    /// Reads a range of the file, unless the file was replaced since it was listed. Returns whether it was read.
    async fn fetch(
        &mut self,
        store: &ObjectStore,
        file: &Listed,
        (start, length): (u64, u64),
        deadline: Instant,
    ) -> Result<bool, StoreError> {
        let length = length.min(self.length.saturating_sub(start));
        if length == 0 {
            return Ok(true);
        }
        let piece = store.get_range(&file.path, &file.version.tag, (start, length), deadline).await?;
        let found = piece.is_some();
        self.pieces.extend(piece.map(|piece| (start, piece)));
        Ok(found)
    }

    /// The length of the footer, including its length field and the magic number.
    fn footer_length(&self) -> u64 {
        let end = self.piece(self.length.saturating_sub(8), 8);
        let length = end.and_then(|end| end.get(..4)?.try_into().ok()).map_or(0, u32::from_le_bytes);
        u64::from(length) + 8
    }

    /// Whether the range was read already.
    fn has(&self, (start, length): (u64, u64)) -> bool {
        usize::try_from(length).is_ok_and(|length| self.piece(start, length).is_some())
    }

    /// The bytes of a range, if one part contains all of them.
    fn piece(&self, start: u64, length: usize) -> Option<Bytes> {
        // Parts can overlap. Any part with the whole range is fine.
        self.pieces.range(..=start).rev().find_map(|(offset, piece)| {
            let from = usize::try_from(start - offset).ok()?;
            let to = from.checked_add(length)?;
            (to <= piece.len()).then(|| piece.slice(from..to))
        })
    }
}

/// Joins ranges that are close together. The input must be sorted.
fn joined(ranges: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (start, length) in ranges {
        let end = start.saturating_add(*length);
        match joined.last_mut() {
            Some((first, before)) if *start <= first.saturating_add(*before).saturating_add(NEAR) => {
                *before = (*before).max(end - *first);
            }
            _ => joined.push((*start, *length)),
        }
    }
    joined
}

impl Length for Source {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Source {
    type T = Box<dyn Read>;

    // Fails for a part that was not read. The caller then reports a damaged checkpoint.
    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let piece = self.pieces.range(..=start).rev().find_map(|(offset, piece)| {
            let from = usize::try_from(start - offset).ok()?;
            (from <= piece.len()).then(|| piece.slice(from..))
        });
        let piece = piece.ok_or_else(|| missing(start, 0))?;
        Ok(Box::new(piece.reader()))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        self.piece(start, length).ok_or_else(|| missing(start, length))
    }
}

/// The error for bytes that were not read.
fn missing(start: u64, length: usize) -> ParquetError {
    ParquetError::EOF(format!("{length} bytes at {start} are beyond the end of the file or of what was read"))
}
