//! A stretch of a file: as many elements as one transaction takes, decoded.

use std::collections::BTreeMap;

use dead_letters::ParkedRecord;
use object_reader::json_array::Piece;
use warehouse::search::{Refused, Storable};
use warehouse::{Client, WarehouseError};

use crate::chunk::{Chunk, Origin};
use crate::rows::{Media, RowDecoder};

/// The name under which this function parks.
pub(crate) const LANE: &str = "bucket-ingester";

/// Elements of one transaction: enough that its round trips do not count, few enough that a retry costs little.
const MOST_ELEMENTS: i64 = 10_000;
/// Bytes of one transaction's elements, so that long elements do not fill the memory.
const MOST_BYTES: usize = 8 << 20;

/// Elements between two points of a file.
#[derive(Debug, Default)]
pub(crate) struct Stretch {
    /// Good elements by their index: the row, and the bytes to park if the table cannot hold it.
    rows: BTreeMap<i64, (Media, Box<[u8]>)>,
    pub(crate) parked: Vec<ParkedRecord>,
    pub(crate) good: i64,
    pub(crate) ignored: i64,
    pub(crate) extra_fields: u64,
    bytes: usize,
}

/// The object that elements are of, as parked records name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SourceObject<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
    pub(crate) modified_ms: i64,
}

impl SourceObject<'_> {
    /// An element, or the object as a whole, to be parked.
    pub(crate) fn parked(&self, index: Option<u64>, value: Option<&[u8]>, reason: &str) -> ParkedRecord {
        ParkedRecord::of_object(LANE, (self.bucket, self.key, index), value, reason, self.modified_ms)
    }
}

impl Stretch {
    /// Whether one more element fits.
    pub(crate) fn has_room(&self) -> bool {
        self.elements() < MOST_ELEMENTS && self.bytes < MOST_BYTES
    }

    pub(crate) fn elements(&self) -> i64 {
        self.good + self.ignored + self.rows_parked()
    }

    pub(crate) fn rows_parked(&self) -> i64 {
        i64::try_from(self.parked.len()).unwrap_or(i64::MAX)
    }

    pub(crate) fn take(&mut self, decoder: &RowDecoder, place: SourceObject<'_>, piece: Piece<'_>) {
        let element = match piece {
            Piece::Element(element) => element,
            Piece::TooLong { index, start, length } => {
                let reason =
                    format!("the element at byte {start} has {length} bytes, more than is read as one row");
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

    /// The indices of the good elements, in order.
    pub(crate) fn indices(&self) -> Vec<i64> {
        self.rows.keys().copied().collect()
    }

    /// Takes out what the tables cannot hold. Returns it, to be parked.
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

/// The good elements of a stretch, and where they come from.
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
