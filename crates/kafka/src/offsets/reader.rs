//! Reads and sets offsets in one cluster.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use faults::Backoff;
use futures::future::try_join;
use krafka::admin::{
    AlterConsumerGroupOffsetsOptions, DescribeTopicsOptions, ListConsumerGroupOffsetsOptions,
    ListOffsetsOptions, OffsetSpec,
};
use krafka::consumer::TopicPartition;
use krafka::error::ErrorCode;
use krafka::{Kafka, KrafkaError};
use tokio::time::Instant;

use super::connection::Connection;
use super::{CommitMark, LagError, TopicId, is_of_another_topic};
use crate::{ClusterSettings, ConnectError, SdkConfig};

/// For each partition, its oldest offset and its end, which is one past its newest offset.
pub type Ends = BTreeMap<i32, (i64, i64)>;

/// The lag of a consumer group in one partition.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PartitionLag {
    /// The partition's number.
    pub partition: i32,
    /// The committed offset, or `None` if the group has no commit for this topic.
    pub committed: Option<i64>,
    /// The oldest offset in the partition.
    pub beginning: i64,
    /// The last stable offset: a consumer with `isolation.level=read_committed` reads up to here, exclusive.
    pub end: i64,
    /// The number of offsets from `end` on that belong to open transactions. Usually 0. If a producer neither commits
    /// nor aborts, they stay open until the transaction times out.
    pub open: i64,
    /// The number of offsets between the group's position and `end`. A group without a commit has to read the whole
    /// partition.
    pub lag: i64,
    /// The first offset that the group had to read, if the commit's metadata says so. The local bridge writes it.
    pub start: Option<i64>,
    /// The ranges that Kafka deleted before the group read them: those in the commit's metadata, and the range between
    /// the committed offset and `beginning`.
    pub lost: Vec<Range<i64>>,
}

impl PartitionLag {
    /// The total number of lost offsets.
    #[must_use]
    pub fn lost_offsets(&self) -> i64 {
        self.lost.iter().map(|range| range.end - range.start).sum()
    }
}

/// The first and the longest pause between two checks for a new topic.
const SETTLING: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

/// Reads ends and lags from one cluster. It reconnects when the Lambda sandbox was frozen or a broker was lost.
#[derive(Debug)]
pub struct LagReader {
    connection: Connection,
}

/// A topic's current id and partitions.
struct Topic {
    id: TopicId,
    partitions: Vec<TopicPartition>,
}

impl LagReader {
    /// Creates a reader that connects when it is first used.
    #[must_use]
    pub fn new(settings: ClusterSettings, sdk: SdkConfig) -> Self {
        Self { connection: Connection::new(settings, sdk) }
    }

    /// Connects now, without TLS or authentication, to `bootstrap_servers` (`host:port,…`). `patience` limits
    /// this call and, later, each request to a broker.
    ///
    /// # Errors
    /// [`ConnectError::Connect`] if no broker answers within `patience`.
    pub async fn connect(bootstrap_servers: &str, patience: Duration) -> Result<Self, ConnectError> {
        let settings = ClusterSettings::plaintext(bootstrap_servers);
        Self::open(settings, SdkConfig::builder().build(), patience).await
    }

    /// Connects now. `patience` limits this call and, later, each request to a broker.
    ///
    /// # Errors
    /// The errors of [`crate::connect`].
    pub async fn open(
        settings: ClusterSettings,
        sdk: SdkConfig,
        patience: Duration,
    ) -> Result<Self, ConnectError> {
        Ok(Self { connection: Connection::open(settings, sdk, patience).await? })
    }

    /// The oldest offset and the end of each partition. The end includes records of open transactions.
    ///
    /// # Errors
    /// [`LagError::NoTopic`] if the topic does not exist. Retryable errors are returned only at `deadline`.
    pub async fn ends(&self, topic: &str, deadline: Instant) -> Result<Ends, LagError> {
        let question = |kafka: Kafka| async move {
            let partitions = describe(&kafka, topic, deadline).await?.partitions;
            let ask = |what| offsets(&kafka, &partitions, what, deadline);
            let (beginnings, ends) = try_join(ask(Ask::Beginning), ask(Ask::End)).await?;
            let numbers = partitions.iter().map(|partition| partition.partition);
            Ok(numbers.zip(beginnings.into_iter().zip(ends)).collect())
        };
        self.connection.ask(deadline, question).await.map_err(|unanswered| {
            unanswered.into_error(topic, |source| LagError::Ends { topic: topic.to_owned(), source })
        })
    }

    /// The topic's id, and for each partition the oldest offset and the last stable offset. The errors are those of
    /// [`Self::ends`].
    pub async fn stable_ends(&self, topic: &str, deadline: Instant) -> Result<(TopicId, Ends), LagError> {
        let question = |kafka: Kafka| async move {
            let found = describe(&kafka, topic, deadline).await?;
            let beginnings = offsets(&kafka, &found.partitions, Ask::Beginning, deadline).await?;
            let ends = offsets(&kafka, &found.partitions, Ask::StableEnd, deadline).await?;
            let numbers = found.partitions.iter().map(|partition| partition.partition);
            Ok((found.id, numbers.zip(beginnings.into_iter().zip(ends)).collect()))
        };
        self.connection.ask(deadline, question).await.map_err(|unanswered| {
            unanswered.into_error(topic, |source| LagError::Ends { topic: topic.to_owned(), source })
        })
    }

    /// Waits until a new topic, or a topic that got more partitions, has at least `partitions` partitions and the
    /// leader of each partition answers. Brokers learn about a new topic later than the controller that created it.
    ///
    /// # Errors
    /// [`LagError::NoTopic`] or [`LagError::Unsettled`] if the topic is not ready at `deadline`.
    pub async fn settled(&self, topic: &str, partitions: i32, deadline: Instant) -> Result<Ends, LagError> {
        let mut backoff = Backoff::new(SETTLING.0, SETTLING.1);
        let wanted = usize::try_from(partitions).unwrap_or_default();
        loop {
            let error = match self.ends(topic, deadline).await {
                Ok(ends) if ends.len() >= wanted => return Ok(ends),
                Ok(ends) => LagError::Unsettled { topic: topic.to_owned(), found: ends.len(), wanted },
                Err(error @ LagError::NoTopic { .. }) => error,
                Err(error) => return Err(error),
            };
            if !backoff.pause(deadline).await {
                return Err(error);
            }
        }
    }

    /// The group's lag in each partition of a topic, ordered by partition. The errors are those of [`Self::ends`], with
    /// [`LagError::Lag`] in place of [`LagError::Ends`].
    pub async fn of(
        &self,
        group: &str,
        topic: &str,
        deadline: Instant,
    ) -> Result<Vec<PartitionLag>, LagError> {
        let question = |kafka| lags(kafka, group, topic, deadline);
        self.connection.ask(deadline, question).await.map_err(|unanswered| {
            let (group, name) = (group.to_owned(), topic.to_owned());
            unanswered.into_error(topic, |source| LagError::Lag { group, topic: name, source })
        })
    }

    /// Sets a group's committed offsets in a topic, one for each given partition. The group must have no members, so
    /// the caller first disables the event source mapping that consumes with this group.
    ///
    /// # Errors
    /// [`LagError::Set`] if a broker refuses one of the offsets, for example because the group still has members.
    pub async fn set(
        &self,
        group: &str,
        topic: &str,
        offsets: &BTreeMap<i32, i64>,
        deadline: Instant,
    ) -> Result<(), LagError> {
        let question = |kafka: Kafka| async move {
            let wanted =
                offsets.iter().map(|(number, offset)| (TopicPartition::new(topic, *number), *offset));
            let options = AlterConsumerGroupOffsetsOptions::default().timeout(left(deadline));
            let answers = kafka.admin().alter_consumer_group_offsets(group, wanted, options).await?;
            answers.into_values().collect::<Result<(), KrafkaError>>()
        };
        self.connection.ask(deadline, question).await.map_err(|unanswered| {
            let (group, name) = (group.to_owned(), topic.to_owned());
            unanswered.into_error(topic, |source| LagError::Set { group, topic: name, source })
        })
    }
}

/// Reads a group's commits and the offsets of a topic, and computes the lag of each partition.
async fn lags(
    kafka: Kafka,
    group: &str,
    topic: &str,
    deadline: Instant,
) -> Result<Vec<PartitionLag>, KrafkaError> {
    let found = describe(&kafka, topic, deadline).await?;
    let ask = |what| offsets(&kafka, &found.partitions, what, deadline);
    // The order of these requests matters, because records arrive and commits move between them. The commit is read
    // before the end, so a commit never lies beyond the end. The end is read before the last stable offset, so new
    // records do not count as an open transaction.
    let beginnings = ask(Ask::Beginning).await?;
    let options = ListConsumerGroupOffsetsOptions::default()
        .partitions(found.partitions.clone())
        .timeout(left(deadline));
    let commits = kafka.admin().list_consumer_group_offsets(group, options).await?;
    let ends = ask(Ask::End).await?;
    let stable = ask(Ask::StableEnd).await?;
    let mut lags = Vec::with_capacity(found.partitions.len());
    for (index, partition) in found.partitions.iter().enumerate() {
        let commit = match commits.get(partition) {
            Some(Ok(commit)) if is_of_another_topic(commit.metadata.as_deref(), found.id) => None,
            Some(Ok(commit)) => commit.offset.map(|offset| (offset, commit.metadata.as_deref())),
            Some(Err(error)) => return Err(unknown_here(partition, error.clone())),
            None => None,
        };
        let ends = (beginnings[index], ends[index]);
        lags.push(lag(partition.partition, ends, stable[index], commit, found.id));
    }
    lags.sort_by_key(|lag| lag.partition);
    Ok(lags)
}

/// Computes one partition's lag from its oldest offset, its end (`high`), its last stable offset and the group's
/// commit.
fn lag(
    partition: i32,
    (beginning, high): (i64, i64),
    stable: i64,
    commit: Option<(i64, Option<&str>)>,
    topic_id: TopicId,
) -> PartitionLag {
    let end = stable.min(high);
    let committed = commit.map(|(offset, _)| offset);
    let mut mark =
        commit.and_then(|(_, metadata)| CommitMark::parse(metadata?)).unwrap_or(CommitMark::new(topic_id));
    if let Some(committed) = committed {
        mark.add_lost(committed..beginning);
    }
    // A commit below the oldest offset or beyond the end is invalid: the group restarts at the oldest offset.
    let next = committed.filter(|offset| (beginning..=high).contains(offset)).unwrap_or(beginning);
    PartitionLag {
        partition,
        committed,
        beginning,
        end,
        open: high - end,
        lag: (end - next).max(0),
        start: mark.start,
        lost: mark.lost().to_vec(),
    }
}

/// The topic's id and partitions. An unknown topic is an error.
async fn describe(kafka: &Kafka, topic: &str, deadline: Instant) -> Result<Topic, KrafkaError> {
    let admin = kafka.admin();
    let described = admin
        .describe_topics([topic], DescribeTopicsOptions::default().timeout(left(deadline)))
        .await?
        .remove(topic)
        .ok_or_else(|| KrafkaError::unknown_topic(topic))??;
    let partitions = described.partitions.iter().map(|found| TopicPartition::new(topic, found.partition));
    Ok(Topic { id: described.topic_id, partitions: partitions.collect() })
}

/// Which offset of a partition to ask for.
#[derive(Clone, Copy)]
enum Ask {
    /// The oldest.
    Beginning,
    /// One past the newest.
    End,
    /// The last stable offset.
    StableEnd,
}

/// Returns one offset for each of `partitions`, in the same order.
async fn offsets(
    kafka: &Kafka,
    partitions: &[TopicPartition],
    what: Ask,
    deadline: Instant,
) -> Result<Vec<i64>, KrafkaError> {
    let spec = match what {
        Ask::Beginning => OffsetSpec::Earliest,
        Ask::End | Ask::StableEnd => OffsetSpec::Latest,
    };
    let specs = partitions.iter().map(|partition| (partition.clone(), spec));
    let options =
        ListOffsetsOptions::default().read_committed(matches!(what, Ask::StableEnd)).timeout(left(deadline));
    let mut found = kafka.admin().list_offsets(specs, options).await?;
    partitions
        .iter()
        .map(|partition| {
            let listed =
                found.remove(partition).unwrap_or_else(|| Err(KrafkaError::unknown_topic(&partition.topic)));
            listed.map(|listed| listed.offset).map_err(|error| unknown_here(partition, error))
        })
        .collect()
}

/// Converts the error of one partition of a topic that was described a moment ago. "Unknown partition" becomes a
/// retryable error: either the broker has not learned about a new topic yet, or the topic is being deleted. The next
/// attempt describes the topic again and shows which of the two it is.
fn unknown_here(partition: &TopicPartition, error: KrafkaError) -> KrafkaError {
    match error {
        KrafkaError::UnknownTopic { .. }
        | KrafkaError::Broker { code: ErrorCode::UnknownTopicOrPartition, .. } => {
            let text = format!("{}-{} is not known to its broker", partition.topic, partition.partition);
            KrafkaError::broker(ErrorCode::LeaderNotAvailable, text)
        }
        error => error,
    }
}

/// The time until `deadline`, at least 1 ms because the library rejects a timeout of 0.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lag of partition 0. `commit` is the committed offset and its metadata.
    fn of(ends: (i64, i64), stable: i64, commit: Option<(i64, &str)>) -> PartitionLag {
        lag(0, ends, stable, commit.map(|(offset, metadata)| (offset, Some(metadata))), [1; 16])
    }

    /// A lane reads only committed records, so open transactions are not its lag.
    #[test]
    fn lag_ends_at_the_last_stable_offset_and_open_transactions_are_counted() {
        let found = of((0, 30), 20, Some((15, "")));
        assert_eq!((found.end, found.open, found.lag), (20, 10, 5));
        let idle = of((0, 30), 30, Some((30, "")));
        assert_eq!((idle.open, idle.lag), (0, 0));
    }

    #[test]
    fn a_commit_beyond_the_last_stable_offset_is_no_lag() {
        let found = of((0, 30), 20, Some((30, "")));
        assert_eq!((found.open, found.lag), (10, 0));
    }

    #[test]
    fn offsets_between_the_commit_and_the_oldest_offset_are_lost() {
        let found = of((60, 100), 100, Some((40, "")));
        assert_eq!((found.lost, found.lag), (std::iter::once(40..60).collect(), 40));
        let first = of((60, 100), 100, None);
        assert_eq!((first.lost_offsets(), first.lag), (0, 40), "a group without a commit has lost nothing");
    }

    #[test]
    fn lost_ranges_of_the_commit_are_kept() {
        let mut mark = CommitMark::new([1; 16]);
        mark.start = Some(2);
        mark.add_lost(40..60);
        let found = of((70, 100), 100, Some((65, &mark.to_string())));
        assert_eq!((found.start, found.lost), (Some(2), vec![40..60, 65..70]));
        assert_eq!(found.lag, 30);
    }
}
