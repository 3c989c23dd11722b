//! Questions to one cluster about its offsets.

use std::collections::BTreeMap;
use std::time::Duration;

use faults::Backoff;
use futures::future::try_join;
use kafka_client::{ClusterSettings, ConnectError, SdkConfig};
use krafka::admin::{
    AdminClient, DescribeTopicsOptions, ListConsumerGroupOffsetsOptions, ListOffsetsOptions, OffsetSpec,
};
use krafka::consumer::TopicPartition;
use krafka::error::ErrorCode;
use krafka::{Kafka, KrafkaError};
use tokio::time::Instant;

use crate::connection::Connection;
use crate::{LagError, TopicId, is_of_another_topic};

/// First and next offset by partition.
pub type Ends = BTreeMap<i32, (i64, i64)>;

/// One partition's lag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct PartitionLag {
    /// Partition.
    pub partition: i32,
    /// The offset that the group has committed, if it has.
    pub committed: Option<i64>,
    /// The oldest offset that there is.
    pub beginning: i64,
    /// One past the newest.
    pub end: i64,
    /// Records between the group and the end. Without a commit, all that there are.
    pub lag: i64,
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
    ends: Ends,
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
        Ok(Self { connection: Connection::open(settings, patience).await? })
    }

    /// Where the partitions of a topic begin and end.
    pub async fn ends(&self, topic: &str, deadline: Instant) -> Result<Ends, LagError> {
        let question = |kafka| async move { Ok(describe(&kafka, topic, deadline).await?.ends) };
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
}

async fn lags(
    kafka: Kafka,
    group: &str,
    topic: &str,
    deadline: Instant,
) -> Result<Vec<PartitionLag>, KrafkaError> {
    let found = describe(&kafka, topic, deadline).await?;
    let options = ListConsumerGroupOffsetsOptions::default()
        .partitions(found.partitions.clone())
        .timeout(left(deadline));
    let commits = kafka.admin().list_consumer_group_offsets(group, options).await?;
    let mut lags = Vec::with_capacity(found.partitions.len());
    for partition in &found.partitions {
        let committed = match commits.get(partition) {
            Some(Ok(commit)) if is_of_another_topic(commit.metadata.as_deref(), found.id) => None,
            Some(Ok(commit)) => commit.offset,
            Some(Err(error)) => return Err(unknown_here(partition, error.clone())),
            None => None,
        };
        let (beginning, end) = found.ends.get(&partition.partition).copied().unwrap_or_default();
        // A commit below what retention left, or beyond the end, is read from the beginning.
        let next = committed.filter(|offset| (beginning..=end).contains(offset)).unwrap_or(beginning);
        let partition = partition.partition;
        lags.push(PartitionLag { partition, committed, beginning, end, lag: end - next });
    }
    lags.sort_by_key(|lag| lag.partition);
    Ok(lags)
}

async fn describe(kafka: &Kafka, topic: &str, deadline: Instant) -> Result<Topic, KrafkaError> {
    let admin = kafka.admin();
    let described = admin
        .describe_topics([topic], DescribeTopicsOptions::default().timeout(left(deadline)))
        .await?
        .remove(topic)
        .ok_or_else(|| KrafkaError::unknown_topic(topic))??;
    let partitions: Vec<TopicPartition> =
        described.partitions.iter().map(|found| TopicPartition::new(topic, found.partition)).collect();
    let (beginnings, ends) = try_join(
        offsets(&admin, &partitions, OffsetSpec::Earliest, deadline),
        offsets(&admin, &partitions, OffsetSpec::Latest, deadline),
    )
    .await?;
    let numbers = partitions.iter().map(|partition| partition.partition);
    let ends = numbers.zip(beginnings.into_iter().zip(ends)).collect();
    Ok(Topic { id: described.topic_id, partitions, ends })
}

async fn offsets(
    admin: &AdminClient,
    partitions: &[TopicPartition],
    spec: OffsetSpec,
    deadline: Instant,
) -> Result<Vec<i64>, KrafkaError> {
    let specs = partitions.iter().map(|partition| (partition.clone(), spec));
    let mut found = admin.list_offsets(specs, ListOffsetsOptions::default().timeout(left(deadline))).await?;
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
