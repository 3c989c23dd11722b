//! Looks up which offsets of a topic hold a record.
//!
//! Transaction markers, records of aborted transactions and compacted records leave gaps. If a sink lacks
//! such an offset, no record is missing. So an offset that a lane does not have is looked up in Kafka before
//! it counts as missing.

use std::collections::BTreeMap;

use kafka::Ends;
use krafka::{
    KrafkaError,
    admin::{ConfigResource, DescribeConfigsOptions},
};
use positions::OffsetRanges;

use crate::offsets::{Offsets, intersection};
use crate::{Cluster, ReconcileError, produced};

/// The topic configuration that says how Kafka deletes records: `delete`, `compact` or both.
const POLICY: &str = "cleanup.policy";

/// A topic with a cache of what is known about its offsets.
#[derive(Debug)]
pub struct InspectedTopic<'a> {
    /// The topic's name.
    pub name: &'a str,
    /// The range of offsets to compare in each partition: from the first to one past the last.
    pub ends: &'a Ends,
    /// Where unknown offsets are looked up.
    cluster: Cluster,
    known: BTreeMap<i32, Known>,
    /// Whether Kafka compacts the topic; `None` before the first request.
    compacted: Option<bool>,
}

/// The cached answers for one partition.
#[derive(Debug, Default, Clone)]
struct Known {
    /// The offsets that were looked up, or learnt from a sink.
    asked: OffsetRanges,
    records: OffsetRanges,
    gone: OffsetRanges,
}

/// The result of looking up offsets. Offsets in neither set have no record.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Found {
    /// Offsets that hold a record.
    pub records: OffsetRanges,
    /// Offsets that Kafka deleted before they could be looked up.
    pub gone: OffsetRanges,
}

impl<'a> InspectedTopic<'a> {
    /// A topic with an empty cache.
    #[must_use]
    pub fn new(name: &'a str, ends: &'a Ends, cluster: Cluster) -> Self {
        Self { name, ends, cluster, known: BTreeMap::new(), compacted: None }
    }

    /// Marks `offsets` as records without asking Kafka, because a sink received them. Kafka may have compacted them
    /// since.
    pub fn learn(&mut self, offsets: &Offsets) {
        for (partition, ranges) in offsets {
            let known = self.known.entry(*partition).or_default();
            for range in ranges.iter() {
                known.asked.insert(range.clone());
                known.records.insert(range.clone());
            }
        }
    }

    /// Looks up `offsets`. Requests only those from Kafka that are not in the cache.
    ///
    /// # Errors
    /// [`ReconcileError`] if Kafka cannot be reached or refuses the request.
    pub async fn look_up(&mut self, offsets: &Offsets) -> Result<BTreeMap<i32, Found>, ReconcileError> {
        let unknown: Offsets = offsets
            .iter()
            .map(|(partition, ranges)| match self.known.get(partition) {
                Some(known) => (*partition, ranges.difference(&known.asked)),
                None => (*partition, ranges.clone()),
            })
            .filter(|(_, ranges)| !ranges.is_empty())
            .collect();
        if !unknown.is_empty() {
            self.ask(unknown).await?;
        }
        let none = Known::default();
        Ok(offsets
            .iter()
            .map(|(partition, ranges)| {
                let known = self.known.get(partition).unwrap_or(&none);
                let found = Found {
                    records: intersection(ranges, &known.records),
                    gone: intersection(ranges, &known.gone),
                };
                (*partition, found)
            })
            .collect())
    }

    /// The number of these offsets that are known to hold, or to have held, a record.
    #[must_use]
    pub fn records(&self, partition: i32, offsets: &OffsetRanges) -> i64 {
        self.known.get(&partition).map_or(0, |known| intersection(offsets, &known.records).count())
    }

    /// Whether one of these offsets is known to hold no record.
    #[must_use]
    pub fn has_gap(&self, partition: i32, offsets: &OffsetRanges) -> bool {
        self.known.get(&partition).is_some_and(|known| {
            let empty = known.asked.difference(&known.records).difference(&known.gone);
            !intersection(offsets, &empty).is_empty()
        })
    }

    /// Whether Kafka may delete a record because a later one has the same key (`cleanup.policy` contains
    /// `compact`). Sends one request to Kafka; later calls return the cached answer.
    ///
    /// # Errors
    /// [`ReconcileError`] if the topic's configuration cannot be read.
    pub async fn is_compacted(&mut self) -> Result<bool, ReconcileError> {
        if let Some(compacted) = self.compacted {
            return Ok(compacted);
        }
        let kafka = self.cluster.connect().await?;
        let resource = ConfigResource::topic(self.name);
        let options = DescribeConfigsOptions::default().config_names(vec![POLICY.to_owned()]);
        let failed = ReconcileError::kafka(self.name);
        let mut described =
            kafka.admin().describe_configs([resource.clone()], options).await.map_err(&failed)?;
        let entries =
            described.remove(&resource).unwrap_or_else(|| Err(KrafkaError::unknown_topic(self.name)));
        let policy = entries.map_err(&failed)?.into_iter().find(|entry| entry.name == POLICY);
        let compacted = policy.and_then(|entry| entry.value).is_some_and(|value| value.contains("compact"));
        self.compacted = Some(compacted);
        Ok(compacted)
    }

    /// Reads offsets from Kafka and adds the results to the cache.
    async fn ask(&mut self, unknown: Offsets) -> Result<(), ReconcileError> {
        let found = produced::read(&self.cluster, self.name, &unknown, |_| ()).await?;
        for (partition, ranges) in unknown {
            let known = self.known.entry(partition).or_default();
            let mut add = |to: fn(&mut Known) -> &mut OffsetRanges, from: &Offsets| {
                for range in from.get(&partition).into_iter().flat_map(OffsetRanges::iter) {
                    to(known).insert(range.clone());
                }
            };
            add(|known| &mut known.records, &found.records);
            // If the broker did not return an offset, it counts as a record, so that nothing missing is overlooked.
            add(|known| &mut known.records, &found.unread);
            add(|known| &mut known.gone, &found.gone);
            ranges.iter().for_each(|range| known.asked.insert(range.clone()));
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]
mod tests {
    use super::*;
    use crate::offsets::within;

    #[test]
    fn an_intersection_has_the_offsets_of_both_sets() {
        let set = |ranges: &[std::ops::Range<i64>]| ranges.iter().cloned().collect::<OffsetRanges>();
        assert_eq!(intersection(&set(&[0..10, 20..30]), &set(&[5..25])), set(&[5..10, 20..25]));
        assert!(intersection(&set(&[0..10]), &set(&[10..20])).is_empty());
    }

    #[tokio::test]
    async fn no_request_is_sent_if_no_offset_is_unknown() {
        let ends = [(0, (0, 10))].into();
        // There is no broker at this address.
        let mut topic = InspectedTopic::new("t", &ends, Cluster::plaintext("127.0.0.1:9"));
        let found = topic.look_up(&[(0, OffsetRanges::default())].into()).await.unwrap();
        assert_eq!(found, [(0, Found::default())].into());
        assert!(!topic.has_gap(0, &within((0, 10))));
    }
}
