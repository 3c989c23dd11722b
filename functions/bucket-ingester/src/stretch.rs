//! A stretch of a file: the decoded elements of one transaction.

use std::collections::BTreeMap;

use dead_letters::ParkedRecord;
use object_reader::json_array::Piece;
use warehouse::search::{Refused, Storable};
use warehouse::{Client, WarehouseError};

use crate::chunk::{Chunk, Origin};
use crate::rows::{Media, RowDecoder};

/// This function's name in dead letters and in the registry.
pub(crate) const LANE: &str = "bucket-ingester";

/// The largest number of elements in one transaction. With so many the round trips do not matter, and a retry is still
/// cheap.
const MOST_ELEMENTS: i64 = 10_000;
/// The largest size of one transaction's elements in bytes, so that long elements do not fill the memory.
const MOST_BYTES: usize = 8 << 20;

/// The elements between two positions in a file, decoded.
#[derive(Debug, Default)]
pub(crate) struct Stretch {
    /// Good elements by index: the row, and the element's bytes, which are parked if Postgres refuses the row.
    rows: BTreeMap<i64, (Media, Box<[u8]>)>,
    /// The bad elements.
    pub(crate) parked: Vec<ParkedRecord>,
    /// The number of good elements.
    pub(crate) good: i64,
    /// The number of elements of other types, which are not stored.
    pub(crate) ignored: i64,
    /// The number of fields without a column, in all good elements.
    pub(crate) extra_fields: u64,
    /// The total size of the elements in bytes.
    bytes: usize,
}

/// The object that elements come from, as parked records name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SourceObject<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
    /// When the object was written, in milliseconds since the Unix epoch.
    pub(crate) modified_ms: i64,
}

impl SourceObject<'_> {
    /// Creates the parked record of an element, or of the whole object if `index` is `None`.
    pub(crate) fn parked(&self, index: Option<u64>, value: Option<&[u8]>, reason: &str) -> ParkedRecord {
        ParkedRecord::of_object(LANE, (self.bucket, self.key, index), value, reason, self.modified_ms)
    }
}

impl Stretch {
    /// Whether another element can be added.
    pub(crate) fn has_room(&self) -> bool {
        self.elements() < MOST_ELEMENTS && self.bytes < MOST_BYTES
    }

    /// The number of all elements: good, ignored and parked.
    pub(crate) fn elements(&self) -> i64 {
        self.good + self.ignored + self.rows_parked()
    }

    /// The number of bad elements.
    pub(crate) fn rows_parked(&self) -> i64 {
        i64::try_from(self.parked.len()).unwrap_or(i64::MAX)
    }

    /// Decodes an element and adds it. An element that is longer than the limit is parked without its bytes.
    pub(crate) fn take(&mut self, decoder: &RowDecoder, place: SourceObject<'_>, piece: Piece<'_>) {
        let element = match piece {
            Piece::Element(element) => element,
            Piece::TooLong { index, start, length } => {
                let reason =
                    format!("the element at byte {start} has {length} bytes, more than one row may have");
                self.parked.push(place.parked(Some(index), None, &reason));
                return;
            }
        };
        self.bytes += element.bytes.len();
        match decoder.decode(element.bytes) {
            Ok((Media::Ignored, _)) => self.ignored += 1,
            Ok((media, extra)) => {
                self.good += 1;
                self.extra_fields += u64::from(extra);
                let index = i64::try_from(element.index).unwrap_or(i64::MAX);
                self.rows.insert(index, (media, element.bytes.into()));
            }
            Err(poison) => {
                self.parked.push(place.parked(Some(element.index), Some(element.bytes), &poison.to_string()));
            }
        }
    }

    /// The indexes of the good elements, in order.
    pub(crate) fn indices(&self) -> Vec<i64> {
        self.rows.keys().copied().collect()
    }

    /// Removes the rows that Postgres refused. Returns their records, to be parked.
    pub(crate) fn refuse(&mut self, refused: Refused<i64>, place: SourceObject<'_>) -> Vec<ParkedRecord> {
        let mut parked = Vec::with_capacity(refused.len());
        for (index, reason) in refused {
            if let Some((_, bytes)) = self.rows.remove(&index) {
                self.good -= 1;
                parked.push(place.parked(Some(index.unsigned_abs()), Some(&bytes), &reason));
            }
        }
        self.parked.extend(parked.iter().cloned());
        parked
    }
}

/// The good elements of a stretch, and their origin.
pub(crate) struct Rows<'a> {
    pub(crate) stretch: &'a Stretch,
    pub(crate) origin: Origin<'a>,
}

impl Storable for Rows<'_> {
    type Index = i64;
    type Fault = WarehouseError;

    async fn store(&self, client: &Client, places: &[i64]) -> Result<(), WarehouseError> {
        let mut chunk = Chunk::default();
        for &place in places {
            if let Some((media, _)) = self.stretch.rows.get(&place) {
                chunk.add(place, media);
            }
        }
        chunk.store(client, self.origin).await
    }
}
