//! The local bridge: pollers between a real consumer group and the functions of Lambda's API, which run here.
//!
//! Queues are polled by [`crate::queue`], and [`function_runner::front`] takes invocations.
//!
//! One task per Kafka mapping; each lives through sessions. A session is one membership of the consumer group; it ends when
//! the topic goes away or is created again, or when the client cannot go on, and the next one starts from the
//! committed offsets. Whatever was on its way is delivered again then: at least once, as in AWS.

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

/// The cluster ARN in events when none is configured.
pub const LOCAL_CLUSTER_ARN: &str =
    "arn:aws:kafka:us-east-1:000000000000:cluster/headwater-local/00000000-0000-0000-0000-000000000000-1";

/// What the bridge is to do.
#[derive(Debug, Clone)]
pub struct BridgeConfig {
    /// The mappings to serve.
    pub mappings: Vec<Mapping>,
    /// The mappings of queues.
    pub queues: Vec<QueueMapping>,
    /// `host:port`, comma-separated.
    pub bootstrap_servers: String,
    /// `eventSourceArn` of the events.
    pub event_source_arn: String,
    /// Name of this bridge as a static member of its groups. A bridge that was killed then takes its place in the
    /// group again at once instead of after the session time-out (6 s); two bridges of one name push each other out.
    pub instance_id: Option<String>,
    /// Event pollers per mapping at most: invocations on their way at once, each with partitions of its own. As in AWS, one
    /// serves a topic that has no backlog.
    pub pollers: usize,
    /// The port of the loopback address where functions are invoked by Lambda's API and by their URLs
    /// ([`function_runner::front`]); `None` for no port.
    pub functions_port: Option<u16>,
    /// Runs all mappings' functions. Without it each is read from Lambda's API, and runs as it is deployed.
    pub runner: Option<Arc<Runner>>,
    /// Where functions are unpacked and have their `TMPDIR`.
    pub scratch: PathBuf,
    /// Where the status is written (JSON, [`status::BridgeStatus`]).
    pub status_path: Option<PathBuf>,
}

impl BridgeConfig {
    /// A bridge for `mappings` without a status file, with as many pollers for each as the machine has processors, at most
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
    /// A mapping that AWS would refuse.
    #[error(transparent)]
    Mapping(#[from] InvalidMapping),
    /// The status file cannot be written.
    #[error("cannot write the bridge's status to {path}")]
    Status {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The port for callers of functions cannot be opened.
    #[error(
        "cannot listen on port {port} for invocations of functions: stop who holds it, or choose another port"
    )]
    Port {
        /// The port.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
}

/// How long an orderly stop waits for callers of functions and for batches of queues.
const FAREWELL: Duration = Duration::from_secs(6);

/// The bridge.
#[derive(Debug)]
pub struct Bridge;

impl Bridge {
    /// Serves the mappings until `shutdown` is ready; then what is on its way is finished and committed, and the
    /// groups are left. Broker, emulator and functions may come and go meanwhile.
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
        // Whoever reads it finds the port open.
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
        // Only fails when there is no mapping, and so no receiver.
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

/// Takes invocations until the bridge stops; those that are on their way then may finish within [`FAREWELL`].
async fn take_invocations(front: Front, stopped: watch::Receiver<bool>) {
    tokio::select! {
        () = front.serve(stop(stopped.clone())) => {}
        () = farewell(stopped) => tracing::warn!("callers of functions were left without an answer"),
    }
}

/// Ready when the bridge stops.
async fn stop(mut stopped: watch::Receiver<bool>) {
    // Fails when the bridge is gone, which is a stop, too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Ready when the time is over that what is on its way has after a stop.
pub(crate) async fn farewell(stopped: watch::Receiver<bool>) {
    stop(stopped).await;
    tokio::time::sleep(FAREWELL).await;
}

/// One mapping's task.
struct Lane {
    mapping: Arc<Mapping>,
    deliverer: Deliverer,
    status: status::MappingBoard,
    config: BridgeConfig,
}

impl Lane {
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
                        "the consumer starts anew");
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
