//! `headwater bridge`: invokes functions with records from Kafka, as Lambda's event source mappings do.
//!
//! - With arguments, it serves one function and one topic, without a stack ([`OwnFunction`]).
//! - Without arguments, it is the background process that `headwater up` starts. It serves all topics and queues of the
//!   local stack, runs its functions, and runs the Spark jobs of the weather lane.

use anyhow::Context as _;
use clap::Args;
use event_source::{Bridge, BridgeConfig};
use tokio::signal::unix::{SignalKind, signal};

use super::own_function::OwnFunction;
use crate::stack::{activity::Worker, layout::Layout, record::LocalStack};

/// Arguments of `headwater bridge`.
#[derive(Debug, Args)]
#[command(after_help = "\
Use it to try a Lambda function of your own with real records before you deploy it. It needs only a Kafka broker and the
function: no stack and no AWS account.

The function runs on this machine until Ctrl-C. The event, batching, retries and limits are those of Lambda's event
source mapping for Amazon MSK (docs/event-source-conformance.md). Offsets are committed to the consumer group, so the
next start continues there. The function's output goes to standard error.

Examples:
  headwater bridge --topic orders --function-zip target/lambda/orders/bootstrap.zip
  headwater bridge --topic orders --function-zip f.zip --batch-size 500 --window 5 --env TABLE=orders --env AWS_PROFILE
  headwater bridge --topic orders --function-zip f.zip --env AWS_ACCESS_KEY_ID --env AWS_SECRET_ACCESS_KEY
  headwater bridge --topic orders --function-zip f.zip --bootstrap-servers broker:9092 --from 2026-11-21T00:00:00Z")]
pub(crate) struct BridgeArgs {
    #[command(flatten)]
    pub(crate) own: OwnFunction,
}

/// Serves the local stack until SIGTERM or Ctrl-C. Then it finishes the running invocations and commits their offsets.
///
/// # Errors
/// The data folder has no deployed stack, a mapping is not valid, or the port of the functions is in use.
pub(crate) async fn run(layout: &Layout) -> anyhow::Result<()> {
    log_warnings();
    let stack = LocalStack::load(layout)?;
    // A bridge that was killed leaves unpacked functions behind.
    std::fs::remove_dir_all(layout.functions()).ok();
    let outputs = stack.outputs()?;
    let config = BridgeConfig {
        queues: outputs.queue_mappings.clone(),
        functions_port: Some(stack.functions_port),
        scratch: layout.functions(),
        instance_id: Some(format!("headwater-{}", layout.fingerprint())),
        status_path: Some(layout.bridge_status()),
        ..BridgeConfig::new(outputs.event_source_mappings.clone(), stack.kafka())
    };
    let shutdown = asked_to_end()?;
    let worker = Worker::of(layout, &stack).await?;
    let jobs = async {
        match &worker {
            Some(worker) => worker.run().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = Bridge::run(config, shutdown) => ended.context("the bridge cannot run"),
        () = jobs => Ok(()),
    }
}

/// Sends log events of level WARN and above to standard error. Panics if it is called twice in a process.
pub(super) fn log_warnings() {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_max_level(tracing::Level::WARN)
        .init();
}

/// Returns a future that is ready when the process receives SIGTERM or SIGINT (Ctrl-C). The signal handlers are
/// installed at once, so no signal is missed before the future is polled.
pub(super) fn asked_to_end() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminated = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    })
}
