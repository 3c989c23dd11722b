//! `headwater bridge` (hidden): the process that `up` starts to poll Kafka and invoke functions.

use anyhow::Context as _;
use event_source::{Bridge, BridgeConfig};
use tokio::signal::unix::{SignalKind, signal};

use crate::stack::{layout::Layout, record::Stack};

/// Runs until it is asked to end; then it finishes and commits what is on its way.
pub(crate) async fn run(layout: &Layout) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_max_level(tracing::Level::WARN)
        .init();
    let stack = Stack::load(layout)?;
    let config = BridgeConfig {
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
    Bridge::run(config, shutdown).await.context("the bridge cannot run")
}
