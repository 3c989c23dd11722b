//! Creates a separate topic and function for each test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, Runtime};
use bytes::Bytes;
use event_source::{Bridge, BridgeConfig, Mapping, StartingPosition};
use function_runner::Code;
use kafka::LagReader;
use krafka::Kafka;
use krafka::admin::{CreateTopicsOptions, DeleteTopicsOptions, NewTopic};
use krafka::producer::Record;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How long a test waits for a condition.
const PATIENCE: Duration = Duration::from_mins(3);

/// The broker under test.
pub(crate) fn servers() -> String {
    std::env::var("AWS_ENDPOINT_URL")
        .expect("this test needs a Lambda endpoint: set AWS_ENDPOINT_URL (scripts/test does)");
    std::env::var("KAFKA_BOOTSTRAP_SERVERS")
        .expect("this test needs a Kafka broker: set KAFKA_BOOTSTRAP_SERVERS (scripts/test does)")
}

async fn offsets() -> LagReader {
    LagReader::connect(&servers(), PATIENCE).await.unwrap()
}

/// Waits for a condition.
pub(crate) async fn until<F: AsyncFnMut() -> bool>(what: &str, mut condition: F) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "timed out waiting until {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A mapping, its topic, its function, and the folder in which the function writes logs.
pub(crate) struct Lane {
    pub(crate) mapping: Mapping,
    pub(crate) folder: PathBuf,
    pub(crate) kafka: Kafka,
    pub(crate) partitions: i32,
}

impl Lane {
    /// Creates a topic and a function whose behaviour can be set.
    pub(crate) async fn new(name: &str, partitions: i32) -> Self {
        let id = format!("{name}-{}", SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos());
        let folder = std::env::temp_dir().join("event-source").join(&id);
        std::fs::create_dir_all(&folder).unwrap();
        Box::pin(deploy(&id, &folder)).await;
        let lane = Self {
            mapping: Mapping {
                function_name: id.clone(),
                topic: id.clone(),
                consumer_group: format!("group-{id}"),
                starting_position: StartingPosition::TrimHorizon,
                starting_position_timestamp: None,
                batch_size: 1000,
                window_seconds: 1,
                partial_batch_response: false,
                bisect: false,
                maximum_retries: -1,
                maximum_record_age_seconds: -1,
                on_failure: None,
            },
            folder,
            kafka: Kafka::builder(servers()).connect().await.unwrap(),
            partitions,
        };
        lane.answer("succeed");
        lane
    }

    pub(crate) async fn create_topic(&self) {
        let topics = [NewTopic::new(&self.mapping.topic, self.partitions, 1).unwrap()];
        let created = self.kafka.admin().create_topics(topics, CreateTopicsOptions::default()).await.unwrap();
        assert!(created[&self.mapping.topic].is_ok(), "{created:?}");
        let (topic, deadline) = (&self.mapping.topic, Instant::now() + PATIENCE);
        offsets().await.settled(topic, self.partitions, deadline).await.unwrap();
    }

    pub(crate) async fn delete_topic(&self) {
        let topics = [self.mapping.topic.as_str()];
        let deleted = self.kafka.admin().delete_topics(topics, DeleteTopicsOptions::default()).await.unwrap();
        assert!(deleted[&self.mapping.topic].is_ok(), "{deleted:?}");
    }

    /// Sets how the function answers from now on: `succeed`, `fail`, `slow` (20 s) or `tenths`.
    pub(crate) fn answer(&self, mode: &str) {
        std::fs::write(self.folder.join("mode.new"), mode).unwrap();
        std::fs::rename(self.folder.join("mode.new"), self.folder.join("mode")).unwrap();
    }

    /// Produces `count` records, evenly over the partitions.
    pub(crate) async fn produce(&self, count: i32) {
        // A new client, because an old one may have cached a deleted topic of the same name.
        let kafka = Kafka::builder(servers()).connect().await.unwrap();
        let producer = kafka.producer().build().await.unwrap();
        let mut handles = Vec::new();
        for number in 0..count {
            let record = Record::new(&self.mapping.topic, Bytes::from(format!("record {number}")))
                .partition(number % self.partitions)
                .key("key");
            handles.push(producer.enqueue(record).await.unwrap());
        }
        for handle in handles {
            assert!(handle.await.unwrap().is_persisted());
        }
        producer.close().await.unwrap();
    }

    /// The offsets of each partition in the order in which the function got them, from the log `delivered` or `failed`.
    pub(crate) fn log(&self, name: &str) -> BTreeMap<i32, Vec<i64>> {
        let text = std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        let mut log: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
        for line in text.lines() {
            if let Some((partition, offset)) = line.split_once(' ') {
                log.entry(partition.parse().unwrap()).or_default().push(offset.parse().unwrap());
            }
        }
        log
    }

    /// The number of different records that the function has handled.
    pub(crate) fn handled(&self) -> usize {
        self.log("delivered").values().map(|offsets| offsets.iter().collect::<BTreeSet<_>>().len()).sum()
    }

    pub(crate) async fn lag(&self) -> i64 {
        let (group, topic) = (&self.mapping.consumer_group, &self.mapping.topic);
        offsets()
            .await
            .of(group, topic, Instant::now() + PATIENCE)
            .await
            .unwrap()
            .iter()
            .map(|partition| partition.lag)
            .sum()
    }

    pub(crate) async fn drained(&self) {
        until("the lag is 0", async || self.lag().await == 0).await;
    }

    pub(crate) fn config(&self) -> BridgeConfig {
        let mut config = BridgeConfig::new(vec![self.mapping.clone()], servers());
        config.status_path = Some(self.folder.join("status.json"));
        config
    }

    /// The mapping's status; the default if the bridge has not written one yet.
    pub(crate) fn status(&self) -> event_source::bridge::status::MappingStatus {
        let status = event_source::bridge::status::read(&self.folder.join("status.json")).ok();
        status.and_then(|status| status.mappings.into_iter().next()).unwrap_or_default()
    }

    pub(crate) fn bridge(&self) -> RunningBridge {
        RunningBridge::start(self.config())
    }
}

/// A bridge that runs in a separate task.
pub(crate) struct RunningBridge {
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl RunningBridge {
    pub(crate) fn start(config: BridgeConfig) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            Bridge::run(config, shutdown).await.unwrap();
        });
        Self { stop, task }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }
}

/// A role that does not exist, for emulators that do not check roles.
const NO_ROLE: &str = "arn:aws:iam::000000000000:role/test";

pub(crate) async fn deploy(name: &str, folder: &Path) {
    let lambda = aws_sdk_lambda::Client::new(&settings::sdk_config().await);
    // If the emulator checks roles, the role must exist: take the one of any deployed function.
    let deployed = lambda.list_functions().send().await.unwrap();
    let role = deployed.functions().iter().find_map(|function| function.role()).unwrap_or(NO_ROLE).to_owned();
    let archive = Code::pack(include_bytes!("function.py")).unwrap();
    let variables = Environment::builder().variables("FOLDER", folder.to_str().unwrap()).build();
    lambda
        .create_function()
        .function_name(name)
        .runtime(Runtime::Providedal2023)
        .role(role)
        .handler("bootstrap")
        .code(FunctionCode::builder().zip_file(Blob::new(archive)).build())
        .environment(variables)
        .timeout(30)
        .send()
        .await
        .unwrap();
}
