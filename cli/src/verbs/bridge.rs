//! `headwater bridge`: without arguments the process that `up` starts to poll Kafka and queues, run functions and
//! run Spark jobs; with arguments a mapping for one function, without a stack.

use anyhow::Context as _;
use clap::Args;
use event_source::{Bridge, BridgeConfig};
use tokio::signal::unix::{SignalKind, signal};

use super::own_function::OwnFunction;
use crate::stack::{activity::Worker, layout::Layout, record::LocalStack};

/// Arguments of `headwater bridge`.
#[derive(Debug, Args)]
#[command(after_help = "\
Needs no stack, no account and no other tool: only a broker and a function. The event, the batching, the retries and the limits are
those of Lambda's event source mapping for Amazon MSK (docs/event-source-conformance.md); the function runs on this machine.
What it prints goes to standard error.

Examples:
  headwater bridge --topic orders --function-zip target/lambda/orders/bootstrap.zip
  headwater bridge --topic orders --function-zip f.zip --batch-size 500 --window 5 --env TABLE=orders --env AWS_PROFILE
  headwater bridge --topic orders --function-zip f.zip --env AWS_ACCESS_KEY_ID --env AWS_SECRET_ACCESS_KEY
  headwater bridge --topic orders --function-zip f.zip --bootstrap-servers broker:9092 --from 2026-11-21T00:00:00Z")]
pub(crate) struct BridgeArgs {
    #[command(flatten)]
    pub(crate) own: OwnFunction,
}

/// Runs until it is asked to end; then it finishes and commits what is on its way.
pub(crate) async fn run(layout: &Layout) -> anyhow::Result<()> {
    log_warnings();
    let stack = LocalStack::load(layout)?;
    // What an earlier bridge left when it was killed.
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

/// Warnings of the bridge go to standard error.
pub(super) fn log_warnings() {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_max_level(tracing::Level::WARN)
        .init();
}

/// Ready when the process is asked to end: by SIGTERM, or by Ctrl-C.
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
