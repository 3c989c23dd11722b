//! Samples: a few remembered records of a partition. They reveal a topic that was deleted and created again.
//!
//! Offsets cannot reveal it: a recreated topic begins at 0, so its records look like redelivered ones. Timestamps
//! cannot reveal it either: a mirror or an archive loader writes records of any age. But if the record at a remembered
//! offset differs from the remembered record, the topic must be a new one.

use std::collections::BTreeMap;
use std::ops::Range;

/// The identity of a record: a hash of its Kafka timestamp, key and value. Never negative, because some stores have no
/// unsigned numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity(i64);

impl Identity {
    /// Computes the identity of a record. A missing key differs from an empty key, and a missing value from an empty
    /// value.
    #[must_use]
    pub fn of(timestamp_ms: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Self {
        // FNV-1a gives the same hash on every platform and in every version. The hashes are stored, so they must not
        // change.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        add(&timestamp_ms.to_le_bytes());
        for part in [key, value] {
            add(&part.map_or(u64::MAX, |bytes| bytes.len() as u64).to_le_bytes());
            add(part.unwrap_or_default());
        }
        Self((hash >> 1).cast_signed())
    }

    /// Restores an identity from its stored number.
    #[must_use]
    pub fn from_stored(number: i64) -> Self {
        Self(number)
    }

    /// The number to store for this identity.
    #[must_use]
    pub fn stored(self) -> i64 {
        self.0
    }
}

/// The remembered records of one partition: the lowest handled offset of each stretch (0, 1–2, 3–6, 7–14, …). There are
/// at most 63 of them, and they do not depend on how Lambda formed the batches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Samples(BTreeMap<i64, Identity>);

impl Samples {
    /// Returns the identity of the remembered record at `offset`, if there is one.
    #[must_use]
    pub fn at(&self, offset: i64) -> Option<Identity> {
        self.0.get(&offset).copied()
    }

    /// Whether the record at `offset` should be remembered: no lower offset of its stretch is remembered.
    #[must_use]
    pub fn wants(&self, offset: i64) -> bool {
        // Kafka has no negative offsets. An event with one is malformed, and its record is not remembered.
        offset >= 0 && self.in_stretch_of(offset).is_none_or(|lowest| offset < lowest)
    }

    /// Remembers a record. It replaces a record of the same stretch.
    pub fn remember(&mut self, offset: i64, identity: Identity) {
        if let Some(higher) = self.in_stretch_of(offset) {
            self.0.remove(&higher);
        }
        self.0.insert(offset, identity);
    }

    /// The remembered offsets and identities, in ascending order.
    #[must_use = "an iterator does nothing by itself"]
    pub fn iter(&self) -> impl Iterator<Item = (i64, Identity)> {
        self.0.iter().map(|(offset, identity)| (*offset, *identity))
    }

    /// Whether no record is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The remembered offset in the stretch of `offset`, if there is one.
    fn in_stretch_of(&self, offset: i64) -> Option<i64> {
        self.0.range(stretch(offset)).next().map(|(lowest, _)| *lowest)
    }
}

/// The stretch of offsets that contains `offset`: 0, 1–2, 3–6, 7–14 and so on.
pub(crate) fn stretch(offset: i64) -> Range<i64> {
    let number = u64::try_from(offset).unwrap_or(0).saturating_add(1);
    let power = 1_u64 << (u64::BITS - 1 - number.leading_zeros());
    let bound = |number: u64| i64::try_from(number - 1).unwrap_or(i64::MAX);
    bound(power)..bound(power.saturating_mul(2))
}

impl FromIterator<(i64, Identity)> for Samples {
    fn from_iter<T: IntoIterator<Item = (i64, Identity)>>(samples: T) -> Self {
        Self(samples.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_depends_on_each_part_of_a_record() {
        let all = [
            Identity::of(1, None, None),
            Identity::of(2, None, None),
            Identity::of(1, Some(b""), None),
            Identity::of(1, None, Some(b"")),
            Identity::of(1, Some(b"ab"), Some(b"c")),
            Identity::of(1, Some(b"a"), Some(b"bc")),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(one.stored() >= 0);
            assert!(all[..index].iter().all(|other| other != one), "{index}");
        }
    }

    #[test]
    fn identities_do_not_change_between_versions() {
        assert_eq!(
            Identity::of(1_795_209_862_000, Some(b"A"), Some(b"{}")).stored(),
            5_291_774_093_912_954_037
        );
    }

    #[test]
    fn a_stretch_keeps_its_lowest_record_in_any_order() {
        let mut samples = Samples::default();
        for offset in (0..100).rev().chain(0..1_000) {
            if samples.wants(offset) {
                samples.remember(offset, Identity::of(offset, None, None));
            }
        }
        let offsets: Vec<i64> = samples.iter().map(|(offset, _)| offset).collect();
        assert_eq!(offsets, [0, 1, 3, 7, 15, 31, 63, 127, 255, 511]);
    }

    #[test]
    fn there_are_at_most_63_samples() {
        let mut samples = Samples::default();
        let powers = (0..63).map(|power| 1_i64 << power);
        for offset in
            powers.flat_map(|power| [power - 1, power, i64::MAX - power]).chain([i64::MIN, -1, i64::MAX])
        {
            if samples.wants(offset) {
                samples.remember(offset, Identity::of(0, None, None));
            }
        }
        assert!(samples.iter().count() <= 64, "{samples:?}");
        assert!(samples.iter().all(|(offset, _)| offset >= 0));
    }
}
