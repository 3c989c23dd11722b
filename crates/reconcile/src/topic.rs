//! Which offsets of a topic hold a record: not every offset does.
//!
//! Transaction markers, the records of aborted transactions and those that Kafka compacted away leave gaps. A sink that
//! lacks such an offset lacks nothing. So what the lanes do not have is looked up in Kafka before it is called missing.

use std::collections::BTreeMap;

use kafka::Ends;
use krafka::{
    KrafkaError,
    admin::{ConfigResource, DescribeConfigsOptions},
};
use positions::OffsetRanges;

use crate::offsets::{Offsets, intersection};
use crate::{Cluster, ReconcileError, produced};

/// The topic's setting that says how Kafka deletes records.
const POLICY: &str = "cleanup.policy";

/// A topic, and what is known of its offsets.
#[derive(Debug)]
pub struct InspectedTopic<'a> {
    /// Its name.
    pub name: &'a str,
    /// The offsets that are looked at.
    pub ends: &'a Ends,
    cluster: Cluster,
    known: BTreeMap<i32, Known>,
    compacted: Option<bool>,
}

/// What a look into Kafka said about a partition.
#[derive(Debug, Default, Clone)]
struct Known {
    asked: OffsetRanges,
    records: OffsetRanges,
    gone: OffsetRanges,
}

/// What offsets turned out to be.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Found {
    /// These hold a record.
    pub records: OffsetRanges,
    /// These were deleted before they could be looked at.
    pub gone: OffsetRanges,
}

impl<'a> InspectedTopic<'a> {
    /// A topic of which nothing is known but its ends.
    #[must_use]
    pub fn new(name: &'a str, ends: &'a Ends, cluster: Cluster) -> Self {
        Self { name, ends, cluster, known: BTreeMap::new(), compacted: None }
    }

    /// Takes `offsets` for records without a look into Kafka, because a sink was given them. Kafka may have compacted them
    /// away since.
    pub fn learn(&mut self, offsets: &Offsets) {
        for (partition, ranges) in offsets {
            let known = self.known.entry(*partition).or_default();
            for range in ranges.iter() {
                known.asked.insert(range.clone());
                known.records.insert(range.clone());
            }
        }
    }

    /// Looks `offsets` up, unless they are known already.
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

    /// How many of these offsets are known to be, or to have been, records.
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

    /// Whether Kafka may delete a record because a later one has its key.
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
            // A record that may be there counts as one that is.
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
    fn an_intersection_is_what_both_have() {
        let set = |ranges: &[std::ops::Range<i64>]| ranges.iter().cloned().collect::<OffsetRanges>();
        assert_eq!(intersection(&set(&[0..10, 20..30]), &set(&[5..25])), set(&[5..10, 20..25]));
        assert!(intersection(&set(&[0..10]), &set(&[10..20])).is_empty());
    }

    #[tokio::test]
    async fn nothing_is_asked_of_kafka_where_nothing_is_missing() {
        let ends = [(0, (0, 10))].into();
        // There is no broker at this address.
        let mut topic = InspectedTopic::new("t", &ends, Cluster::plaintext("127.0.0.1:9"));
        let found = topic.look_up(&[(0, OffsetRanges::default())].into()).await.unwrap();
        assert_eq!(found, [(0, Found::default())].into());
        assert!(!topic.has_gap(0, &within((0, 10))));
    }
}
