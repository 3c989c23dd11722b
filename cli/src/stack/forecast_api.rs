//! Stand-in for the weather source's API: a background process that runs this command as `headwater stub forecast`.

use std::{ffi::OsString, time::Duration};

use super::{
    http,
    layout::Layout,
    process::{Launch, Part},
    record::LocalStack,
};
use crate::{failure::failure, stub::faults::Faults};

/// How long the stub may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// The stub of a stack.
pub(crate) fn part(layout: &Layout) -> Part {
    Part::new(layout, "forecast-api")
}

/// Starts it; [`wait_ready`] waits until it answers.
pub(crate) fn start(layout: &Layout, stack: &LocalStack) -> anyhow::Result<()> {
    part(layout).start(&Launch {
        program: layout.command.clone(),
        args: ["stub", "forecast", "--port", &stack.forecast_port.to_string()].map(OsString::from).to_vec(),
        env: Vec::new(),
        clean_env: false,
        dir: layout.checkout.clone(),
        user: None,
        port: stack.forecast_port,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// Waits until it answers.
pub(crate) async fn wait_ready(layout: &Layout, stack: &LocalStack) -> anyhow::Result<()> {
    part(layout).wait_ready("the weather stub", PATIENCE, async || answers(stack).await.then_some(())).await
}

/// Whether it answers.
pub(crate) async fn answers(stack: &LocalStack) -> bool {
    http::get(&stack.forecast_url(), "/requests").await.is_ok_and(|answer| answer.status == 200)
}

/// Replaces the faults of the running stub.
pub(crate) async fn set_faults(stack: &LocalStack, faults: &Faults) -> anyhow::Result<()> {
    let url = stack.forecast_url();
    match http::put_json(&url, "/faults", faults).await {
        Ok(answer) if answer.status == 204 => Ok(()),
        Ok(answer) => Err(failure(
            format!("{url} answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body)),
            "run `headwater down`, then `headwater up`",
        )),
        Err(error) => {
            Err(failure(format!("no weather stub answers at {url}: {error:#}"), "run `headwater up`"))
        }
    }
}
