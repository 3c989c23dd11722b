//! Reads the settings at the start. If the start fails, logs the reason and a metric.

use faults::Classified;
use settings::{BadEnvironment, Environment, FromEnvironment};

use crate::telemetry::WideEvent;

/// Reads the settings of type `S` from the environment of this process.
///
/// # Errors
/// If variables are missing or invalid. The error names all of them, and is logged here, because the function
/// ends before an invocation could report it.
pub fn settings<S: FromEnvironment>() -> Result<S, BadEnvironment> {
    Environment::of_process().settings().inspect_err(start_failed)
}

/// Logs why a function cannot start, as a wide event with `request_id` `init` and `Faults` = 1.
pub fn start_failed(error: &impl Classified) {
    let fault = format!("{}: {}", error.class().as_str(), faults::chain(error));
    WideEvent::new("init").write(Some(&fault));
}
