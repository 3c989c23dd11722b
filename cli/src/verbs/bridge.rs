//! `headwater bridge` (hidden): the process that `up` starts to poll Kafka and invoke functions.

use crate::stack::{layout::Layout, record::Stack};

/// Runs until it is asked to end.
pub(crate) async fn run(layout: &Layout) -> anyhow::Result<()> {
    let stack = Stack::load(layout)?;
    let _ = stack.outputs()?;
    std::fs::write(layout.bridge_status(), "{}")?;
    std::future::pending::<()>().await;
    Ok(())
}
