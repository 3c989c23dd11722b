//! The local bridge. It reads Kafka topics with real consumer groups and invokes Lambda functions that run on this
//! machine.
//!
//! [`crate::queue`] polls queues, and [`function_runner::front`] accepts direct invocations.
//!
//! Each Kafka mapping has one task, which runs one session after the other. A session is one membership of the consumer
//! group. It ends when the topic is deleted or created again, or when the client fails. The next session starts from
//! the committed offsets, so batches that were in flight are delivered again: at least once, as in AWS.

mod clock;
mod commit;
mod deliver;
mod destination;
mod feed;
pub(crate) mod functions;
mod journal;
mod owners;
mod session;
mod start;
pub mod status;

use std::future::Future;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use function_runner::Runner;
use function_runner::front::Front;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::mapping::InvalidMapping;
use crate::queue::{QueueLane, QueueMapping};
use crate::{Mapping, Rules};
use deliver::Deliverer;
use feed::Ended;
use functions::Functions;
use session::Session;
use status::StatusBoard;

/// The default cluster ARN in events.
pub const LOCAL_CLUSTER_ARN: &str =
    "arn:aws:kafka:us-east-1:000000000000:cluster/headwater-local/00000000-0000-0000-0000-000000000000-1";

/// The configuration of the bridge.
#[derive(Debug, Clone)]
pub struct BridgeConfig {
    /// The Kafka mappings.
    pub mappings: Vec<Mapping>,
    /// The SQS mappings.
    pub queues: Vec<QueueMapping>,
    /// Kafka brokers: `host:port`, comma-separated.
    pub bootstrap_servers: String,
    /// The value of `eventSourceArn` in the events.
    pub event_source_arn: String,
    /// The bridge's name as a static member of its groups (`group.instance.id`). With it, a bridge that was killed and
    /// started again gets its partitions back at once, not after the session time-out (6 s). Two bridges with the same
    /// name exclude each other from the group.
    pub instance_id: Option<String>,
    /// The largest number of event pollers per mapping. Each poller has its own partitions and at most one invocation
    /// at a time. As in AWS, one poller serves a topic without a backlog.
    pub pollers: usize,
    /// The port of the loopback address where functions are invoked by Lambda's API and by their URLs
    /// ([`function_runner::front`]); `None` for no port.
    pub functions_port: Option<u16>,
    /// Runs one function for all mappings. If `None`, each function is read from Lambda's API and runs as it is
    /// deployed.
    pub runner: Option<Arc<Runner>>,
    /// The folder into which functions are unpacked; it also holds their `TMPDIR`.
    pub scratch: PathBuf,
    /// The status file (JSON, [`status::BridgeStatus`]); `None` for no file.
    pub status_path: Option<PathBuf>,
}

impl BridgeConfig {
    /// The default configuration for `mappings`: no status file, and one poller per processor for each mapping, at most
    /// four.
    #[must_use]
    pub fn new(mappings: Vec<Mapping>, bootstrap_servers: impl Into<String>) -> Self {
        Self {
            mappings,
            queues: Vec::new(),
            bootstrap_servers: bootstrap_servers.into(),
            event_source_arn: LOCAL_CLUSTER_ARN.to_owned(),
            instance_id: None,
            pollers: std::thread::available_parallelism().map_or(1, NonZero::get).min(4),
            functions_port: None,
            runner: None,
            scratch: std::env::temp_dir().join("headwater-functions"),
            status_path: None,
        }
    }
}

/// Why the bridge did not start.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    /// A mapping has a setting that AWS would refuse.
    #[error(transparent)]
    Mapping(#[from] InvalidMapping),
    /// The status file cannot be written.
    #[error("cannot write the bridge's status to {path}")]
    Status {
        /// The status file.
        path: PathBuf,
        /// The error of writing.
        source: std::io::Error,
    },
    /// The port for callers of functions cannot be opened.
    #[error(
        "cannot listen on port {port} for invocations: stop the process that uses it, or choose another port"
    )]
    Port {
        /// The port.
        port: u16,
        /// The error of binding.
        source: std::io::Error,
    },
}

/// How long an orderly stop waits for direct invocations and for batches from queues.
const FAREWELL: Duration = Duration::from_secs(6);

/// The bridge.
#[derive(Debug)]
pub struct Bridge;

impl Bridge {
    /// Serves the mappings until `shutdown` is ready. Then it finishes and commits the batches in flight and leaves the
    /// groups. While it runs, the broker, the emulator and the functions may stop and start at any time.
    ///
    /// # Errors
    /// Only errors of the start: an invalid mapping, the status file, or the port.
    pub async fn run(config: BridgeConfig, shutdown: impl Future<Output = ()>) -> Result<(), BridgeError> {
        for mapping in &config.mappings {
            mapping.validate()?;
        }
        for queue in &config.queues {
            queue.validate()?;
        }
        let sdk = settings::sdk_config().await;
        let functions = Functions::new(&sdk, &config);
        let front = match config.functions_port {
            None => None,
            Some(port) => functions.front(port).await.map_err(|source| BridgeError::Port { port, source })?,
        };
        // The status is written after the port is open, so a reader of the status can use the port.
        let board = StatusBoard::new(&config);
        board.write().map_err(|source| BridgeError::Status {
            path: config.status_path.clone().unwrap_or_default(),
            source,
        })?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for (index, mapping) in config.mappings.iter().enumerate() {
            let lane = Lane {
                mapping: Arc::new(mapping.clone()),
                deliverer: Deliverer::new(&sdk, functions.clone(), mapping, &config),
                status: board.mapping(index),
                config: config.clone(),
            };
            tasks.spawn(lane.serve(stopped.clone()));
        }
        for (index, mapping) in config.queues.iter().enumerate() {
            let lane = QueueLane::new(&sdk, functions.clone(), mapping.clone(), board.queue(index));
            tasks.spawn(lane.serve(stopped.clone()));
        }
        if let Some(front) = front {
            tasks.spawn(take_invocations(front, stopped.clone()));
        }
        let writer = tokio::spawn(board.clone().keep_written());
        shutdown.await;
        // This fails only if there is no mapping and therefore no receiver.
        let _ = stop.send(true);
        while tasks.join_next().await.is_some() {}
        functions.stop().await;
        writer.abort();
        board.set_stopped();
        if let Err(error) = board.write() {
            tracing::warn!(%error, "the bridge's last status was not written");
        }
        Ok(())
    }
}

/// Accepts invocations until the bridge stops. Invocations that are in flight then may finish within [`FAREWELL`].
async fn take_invocations(front: Front, stopped: watch::Receiver<bool>) {
    tokio::select! {
        () = front.serve(stop(stopped.clone())) => {}
        () = farewell(stopped) => tracing::warn!("the bridge stopped before it answered all callers of functions"),
    }
}

/// Ready when the bridge stops.
async fn stop(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender was dropped: the bridge has ended, which is a stop too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Ready [`FAREWELL`] after the bridge's stop: from then on, invocations in flight are abandoned.
pub(crate) async fn farewell(stopped: watch::Receiver<bool>) {
    stop(stopped).await;
    tokio::time::sleep(FAREWELL).await;
}

/// The task of one Kafka mapping.
struct Lane {
    mapping: Arc<Mapping>,
    /// Invokes the mapping's function.
    deliverer: Deliverer,
    /// The mapping's part of the status file.
    status: status::MappingBoard,
    config: BridgeConfig,
}

impl Lane {
    /// Runs sessions until the bridge stops. After a failure it waits 250 ms, and longer after each further failure, up
    /// to 2 s.
    async fn serve(self, mut stopped: watch::Receiver<bool>) {
        let rules = Rules::of(&self.mapping, self.deliverer.envelope_bytes());
        let mut failures = 0_u32;
        while !*stopped.borrow() {
            let ended = tokio::select! {
                opened = Session::open(&self, &rules) => match opened {
                    Ok(session) => {
                        failures = 0;
                        session.run(stopped.clone()).await
                    }
                    Err(ended) => ended,
                },
                _ = stopped.changed() => Ended::Stopped,
            };
            match ended {
                Ended::Stopped => break,
                Ended::NoTopic => {
                    self.status.failed(format!("topic {} does not exist", self.mapping.topic));
                }
                Ended::Recreated => {
                    tracing::warn!(topic = %self.mapping.topic, group = %self.mapping.consumer_group,
                        "the topic was created again: reading it from its new start");
                }
                Ended::Failed(error) => {
                    self.status.failed(error.clone());
                    tracing::warn!(topic = %self.mapping.topic, group = %self.mapping.consumer_group, error,
                        "the session failed: starting a new one");
                }
            }
            failures = failures.saturating_add(1);
            let pause = Duration::from_millis(250) * failures.min(8);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stopped.changed() => {}
            }
        }
    }
}
