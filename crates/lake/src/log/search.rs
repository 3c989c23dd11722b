//! Searches for the newest version in a long log, without listing all of it.
//!
//! Versions have no gaps: if a version exists, all versions before it exist. Each round asks for several versions at
//! once. First the distances double until a version does not exist. Then the range between the last existing and the
//! first missing version is divided.

/// The search ends when the newest version is known within this many versions. The rest fits into one page of a
/// listing, even with checksums and checkpoints between the commits.
pub(super) const CLOSE: i64 = 256;
/// The number of versions per round.
pub(super) const PROBES: usize = 16;

/// The bounds of the newest version.
#[derive(Debug)]
pub(super) struct Search {
    /// The highest version that is known to exist.
    there: i64,
    /// The lowest version that is known to be missing.
    absent: Option<i64>,
}

impl Search {
    /// Starts a search from a version that exists.
    pub(super) fn from(there: i64) -> Self {
        Self { there, absent: None }
    }

    /// The versions to ask for next, in ascending order. `None` if the newest version is known closely enough.
    pub(super) fn round(&self) -> Option<Vec<i64>> {
        let probes = i64::try_from(PROBES).unwrap_or(1);
        match self.absent {
            None => Some((0..probes).map(|k| self.there.saturating_add(CLOSE << k)).collect()),
            Some(absent) if absent - self.there > CLOSE => {
                let gap = absent - self.there;
                Some((1..=probes).map(|k| self.there + gap / (probes + 1) * k).collect())
            }
            Some(_) => None,
        }
    }

    /// Adds the result of a round: which of its versions exist.
    pub(super) fn take(&mut self, round: &[i64], there: &[bool]) {
        let found = there.iter().rposition(|there| *there);
        if let Some(absent) = round.get(found.map_or(0, |place| place + 1)) {
            self.absent = Some(*absent);
        }
        if let Some(known) = found.and_then(|place| round.get(place)) {
            self.there = *known;
        }
    }

    /// The highest version that is known to exist. After the search it is close to the newest.
    pub(super) fn there(&self) -> i64 {
        self.there
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Where a search from version 999 ends, and how many versions it asked for.
    fn searched(newest: i64) -> (i64, usize) {
        let (mut search, mut asked) = (Search::from(999), 0);
        while let Some(round) = search.round() {
            let there: Vec<bool> = round.iter().map(|version| *version <= newest).collect();
            asked += round.len();
            search.take(&round, &there);
        }
        (search.there(), asked)
    }

    #[test]
    fn the_number_of_requests_hardly_grows_with_the_number_of_versions() {
        let asked = [1_000, 10_000, 100_000, 1_000_000, 10_000_000].map(|newest| searched(newest).1);
        assert_eq!(asked, [16, 48, 48, 64, 80]);
    }

    proptest! {
        #[test]
        fn a_search_ends_at_an_existing_version_close_to_the_newest(newest in 999_i64..100_000_000) {
            let (there, _) = searched(newest);
            prop_assert!(there <= newest && newest - there < CLOSE, "{there}");
        }
    }
}
