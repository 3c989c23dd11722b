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

/// How long Kafka may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reads the sample. Also returns the topic's number of partitions.
pub(super) async fn read(layout: &Layout, args: &New) -> anyhow::Result<(Sample, u32)> {
    let topic = args.topic();
    let (settings, sdk) = if let Some(servers) = args.bootstrap_servers() {
        (ClusterSettings::plaintext(servers), SdkConfig::builder().build())
    } else {
        let stack = Box::pin(Stack::open(layout)).await?;
        (stack.cluster()?, stack.sdk().clone())
    };
    let unreachable = |error: &(dyn std::error::Error + 'static)| {
        let fix = "see that the brokers run and that this machine reaches them (--bootstrap-servers HOST:PORT, or `headwater up`); \
                   Kafka of an account is reached from its host";
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
                "see its name; for a topic that is not there yet, give a file: --from FILE",
            ));
        }
        Err(error) => return Err(unreachable(&error)),
    };
    let wanted = chosen(&ends, i64::from(args.records()));
    if wanted.values().all(OffsetRanges::is_empty) {
        return Err(failure(
            format!("topic {topic} holds no record"),
            "produce some records first, or give a file: --from FILE",
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
        notes.push(format!("{empty} of them have no value (tombstones), and would be parked"));
    }
    Ok((Sample { records, notes }, u32::try_from(ends.len()).unwrap_or(u32::MAX)))
}

/// Chooses this number of offsets, evenly over the partitions: half of them from the beginning of each, half from the end.
fn chosen(ends: &Ends, most: i64) -> BTreeMap<i32, OffsetRanges> {
    let mut by_size: Vec<_> =
        ends.iter().map(|(&partition, &(first, end))| (end - first, partition)).collect();
    by_size.sort_unstable();
    let (mut left, mut partitions) = (most, i64::try_from(by_size.len()).unwrap_or(i64::MAX));
    let mut chosen = BTreeMap::new();
    for (size, partition) in by_size {
        // Larger partitions make up for the records that a small one lacks.
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
