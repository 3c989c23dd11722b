//! Questions to one cluster about its offsets.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use crate::{ClusterSettings, ConnectError, SdkConfig};
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

/// First and next offset by partition.
pub type Ends = BTreeMap<i32, (i64, i64)>;

/// One partition's lag.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PartitionLag {
    /// Partition.
    pub partition: i32,
    /// The offset that the group has committed, if it has.
    pub committed: Option<i64>,
    /// The oldest offset that there is.
    pub beginning: i64,
    /// One past the newest offset that a reader of committed records gets to (the last stable offset).
    pub end: i64,
    /// Offsets from `end` on that wait for the end of a transaction. Usually 0; a producer that neither commits nor
    /// aborts keeps them back for as long as its transaction time-out.
    pub open: i64,
    /// Offsets between the group and the end. Without a commit, all that there are.
    pub lag: i64,
    /// The first offset that the group was to read, where its commits say so (those of the local bridge do).
    pub start: Option<i64>,
    /// What Kafka deleted before the group read it: what the commits say, and what lies between the group and the
    /// oldest offset.
    pub lost: Vec<Range<i64>>,
}

impl PartitionLag {
    /// How many offsets were lost.
    #[must_use]
    pub fn lost_offsets(&self) -> i64 {
        self.lost.iter().map(|range| range.end - range.start).sum()
    }
}

/// The pause before a topic that is not there yet is looked for again, at first and at most.
const SETTLING: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

/// Asks one cluster for ends and lags. It connects anew by itself after a frozen sandbox or a lost broker.
#[derive(Debug)]
pub struct LagReader {
    connection: Connection,
}

/// A topic as it stands now.
struct Topic {
    id: TopicId,
    partitions: Vec<TopicPartition>,
}

impl LagReader {
    /// A reader that connects with its first question.
    #[must_use]
    pub fn new(settings: ClusterSettings, sdk: SdkConfig) -> Self {
        Self { connection: Connection::new(settings, sdk) }
    }

    /// Connects now to brokers in plain text, `host:port,…`; `patience` bounds this and every exchange with a broker.
    pub async fn connect(bootstrap_servers: &str, patience: Duration) -> Result<Self, ConnectError> {
        let settings = ClusterSettings::plaintext(bootstrap_servers);
        Self::open(settings, SdkConfig::builder().build(), patience).await
    }

    /// Connects now; `patience` bounds this and every exchange with a broker.
    pub async fn open(
        settings: ClusterSettings,
        sdk: SdkConfig,
        patience: Duration,
    ) -> Result<Self, ConnectError> {
        Ok(Self { connection: Connection::open(settings, sdk, patience).await? })
    }

    /// Where the partitions of a topic begin and end.
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

    /// The topic's id, and of each partition the oldest offset and the end of what a reader of committed records gets.
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

    /// Waits until a topic that was created, or given more partitions, a moment ago is there with at least so many and
    /// the leader of each answers. A broker hears of a new topic later than the controller that created it.
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

    /// How far a group is behind in every partition of a topic, in order.
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

    /// Sets a group's committed offsets in a topic. The group must have no members: a mapping that reads it is stopped
    /// first.
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

async fn lags(
    kafka: Kafka,
    group: &str,
    topic: &str,
    deadline: Instant,
) -> Result<Vec<PartitionLag>, KrafkaError> {
    let found = describe(&kafka, topic, deadline).await?;
    let ask = |what| offsets(&kafka, &found.partitions, what, deadline);
    // In this order, each answer is at least as far as the one before: a group that goes on meanwhile is not taken for
    // one beyond the end, nor records that arrive meanwhile for an open transaction.
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

/// One partition's lag. `ends` are its first and next offset, `stable` its last stable one.
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
    // A commit below what retention left, or beyond the end, is read from the beginning.
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

/// Which offset of a partition.
#[derive(Clone, Copy)]
enum Ask {
    /// The oldest.
    Beginning,
    /// One past the newest.
    End,
    /// The end of what a reader of committed records gets.
    StableEnd,
}

/// One offset of each partition, in their order.
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

/// The error of one partition of a topic that was described a moment ago. A broker that does not know it has not heard
/// of a new topic yet, or the topic is being deleted: the same question, asked again, says which.
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

/// The time until `deadline`; the library takes none of 0.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ends: (i64, i64), stable: i64, commit: Option<(i64, &str)>) -> PartitionLag {
        lag(0, ends, stable, commit.map(|(offset, metadata)| (offset, Some(metadata))), [1; 16])
    }

    #[test]
    fn lag_goes_to_the_last_stable_offset_and_what_lies_beyond_is_said() {
        let found = of((0, 30), 20, Some((15, "")));
        assert_eq!((found.end, found.open, found.lag), (20, 10, 5));
        let idle = of((0, 30), 30, Some((30, "")));
        assert_eq!((idle.open, idle.lag), (0, 0));
    }

    #[test]
    fn a_commit_of_a_reader_of_uncommitted_records_beyond_the_stable_offset_is_no_lag() {
        let found = of((0, 30), 20, Some((30, "")));
        assert_eq!((found.open, found.lag), (10, 0));
    }

    #[test]
    fn what_lies_between_a_commit_and_the_oldest_offset_is_lost() {
        let found = of((60, 100), 100, Some((40, "")));
        assert_eq!((found.lost, found.lag), (std::iter::once(40..60).collect(), 40));
        let first = of((60, 100), 100, None);
        assert_eq!((first.lost_offsets(), first.lag), (0, 40), "a group that never began lost nothing");
    }

    #[test]
    fn what_the_commit_says_was_lost_stays_lost() {
        let mut mark = CommitMark::new([1; 16]);
        mark.start = Some(2);
        mark.add_lost(40..60);
        let found = of((70, 100), 100, Some((65, &mark.to_string())));
        assert_eq!((found.start, found.lost), (Some(2), vec![40..60, 65..70]));
        assert_eq!(found.lag, 30);
    }
}
