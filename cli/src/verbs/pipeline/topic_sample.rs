//! Reads a sample from a topic: the oldest and the newest records of each partition.

use std::{collections::BTreeMap, time::Duration};

use kafka::{ClusterSettings, Ends, LagError, LagReader, SdkConfig};
use positions::OffsetRanges;
use tokio::time::Instant;

use super::new::New;
use crate::{
    draft::Sample,
    failure::failure,
    reconcile::{Cluster, records::Reader},
    stack::{layout::Layout, opened::Stack},
};

/// The time limit of a request to Kafka.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reads up to `--records` records of the topic. Returns them with the topic's number of partitions. Records
/// without a value (tombstones) are counted in a note, but not returned.
///
/// # Errors
/// A failure with a fix if Kafka cannot be reached, or if the topic does not exist or has no records.
pub(super) async fn read(layout: &Layout, args: &New) -> anyhow::Result<(Sample, u32)> {
    let topic = args.topic();
    let (settings, sdk) = if let Some(servers) = args.bootstrap_servers() {
        (ClusterSettings::plaintext(servers), SdkConfig::builder().build())
    } else {
        let stack = Box::pin(Stack::open(layout)).await?;
        (stack.cluster()?, stack.sdk().clone())
    };
    let unreachable = |error: &(dyn std::error::Error + 'static)| {
        let fix = "check that the brokers run and that this machine reaches them (--bootstrap-servers HOST:PORT, or `headwater up`); \
                   Kafka in an account can be reached only from its host";
        failure(format!("cannot read topic {topic}: {}", faults::chain(error)), fix)
    };
    let offsets = LagReader::open(settings.clone(), sdk.clone(), PATIENCE)
        .await
        .map_err(|error| unreachable(&error))?;
    let ends = match offsets.stable_ends(topic, Instant::now() + PATIENCE).await {
        Ok((_, ends)) => ends,
        Err(LagError::NoTopic { .. }) => {
            return Err(failure(
                format!("topic {topic} does not exist"),
                "check the name; if the topic does not exist yet, give a sample file: --from FILE",
            ));
        }
        Err(error) => return Err(unreachable(&error)),
    };
    let wanted = chosen(&ends, i64::from(args.records()));
    if wanted.values().all(OffsetRanges::is_empty) {
        return Err(failure(
            format!("topic {topic} has no records"),
            "produce some records first, or give a sample file: --from FILE",
        ));
    }
    let cluster = Cluster::new(settings, sdk);
    let mut reader = Reader::open(&cluster, topic, &wanted).await.map_err(|error| unreachable(&error))?;
    let (mut records, mut empty) = (Vec::new(), 0);
    while let Some(read) = reader.next().await.map_err(|error| unreachable(&error))? {
        for record in read {
            match record.value {
                Some(value) => records.push(value.to_vec()),
                None => empty += 1,
            }
        }
    }
    reader.close().await;
    let mut notes = vec![format!("read {} records of topic {topic}", records.len() + empty)];
    if empty > 0 {
        notes.push(format!("{empty} of them have no value (tombstones) and would be parked"));
    }
    Ok((Sample { records, notes }, u32::try_from(ends.len()).unwrap_or(u32::MAX)))
}

/// Chooses up to `most` offsets, distributed evenly over the partitions: of each partition half from the beginning
/// and half from the end. `ends` has the first offset and the end of each partition.
fn chosen(ends: &Ends, most: i64) -> BTreeMap<i32, OffsetRanges> {
    let mut by_size: Vec<_> =
        ends.iter().map(|(&partition, &(first, end))| (end - first, partition)).collect();
    by_size.sort_unstable();
    let (mut left, mut partitions) = (most, i64::try_from(by_size.len()).unwrap_or(i64::MAX));
    let mut chosen = BTreeMap::new();
    for (size, partition) in by_size {
        // If a small partition has fewer records than its share, the larger ones after it get a larger share.
        let share = size.min((left + partitions - 1) / partitions);
        let (first, end) = ends[&partition];
        let mut ranges = OffsetRanges::default();
        ranges.insert(first..first + share - share / 2);
        ranges.insert(end - share / 2..end);
        chosen.insert(partition, ranges);
        (left, partitions) = (left - share, partitions - 1);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_over_partitions_and_over_old_and_new_records() {
        let ends = Ends::from([(0, (0, 0)), (1, (10, 13)), (2, (100, 1_000)), (3, (0, 1_000))]);
        let chosen = chosen(&ends, 103);
        let counts: Vec<i64> = chosen.values().map(OffsetRanges::count).collect();
        assert_eq!(counts, [0, 3, 50, 50]);
        assert!(chosen[&2].contains(100) && chosen[&2].contains(999) && !chosen[&2].contains(500));
    }

    #[test]
    fn a_small_topic_is_read_whole() {
        let ends = Ends::from([(0, (0, 5)), (1, (7, 8))]);
        assert_eq!(chosen(&ends, 1_000).values().map(OffsetRanges::count).sum::<i64>(), 6);
    }
}
