//! `headwater bridge` (hidden): the process that `up` starts to poll Kafka, run its functions and run Spark jobs.

use anyhow::Context as _;
use event_source::{Bridge, BridgeConfig};
use tokio::signal::unix::{SignalKind, signal};

use crate::stack::{activity::Worker, layout::Layout, record::Stack};

/// Runs until it is asked to end; then it finishes and commits what is on its way.
pub(crate) async fn run(layout: &Layout) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_max_level(tracing::Level::WARN)
        .init();
    let stack = Stack::load(layout)?;
    // What an earlier bridge left when it was killed.
    std::fs::remove_dir_all(layout.functions()).ok();
    let config = BridgeConfig {
        scratch: layout.functions(),
        instance_id: Some(format!("headwater-{}", layout.fingerprint())),
        status_path: Some(layout.bridge_status()),
        ..BridgeConfig::new(stack.outputs()?.event_source_mappings.clone(), stack.kafka())
    };
    let mut terminated = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let shutdown = async {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    };
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
