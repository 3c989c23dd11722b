//! The functions that the mappings invoke.

use std::sync::Arc;

use aws_config::SdkConfig;
use bytes::Bytes;
use function_runner::deployed::{CloudWatchLogs, DeployedError, DeployedFunctions};
use function_runner::front::Front;
use function_runner::{Outcome, REQUEST_LIMIT, Runner, RunnerSettings};

use super::BridgeConfig;

/// Error texts are cut after this many characters.
const ERROR_CHARS: usize = 500;

/// The result of an invocation.
#[derive(Debug)]
pub(crate) enum Invoked {
    /// The function's answer.
    Answer(Bytes),
    /// The function failed, or the event is too large. This counts as a failed delivery.
    Failed(String),
    /// The function could not be reached or is throttled. This does not count as a failed delivery.
    Unavailable(String),
}

/// The functions. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Functions {
    /// The functions deployed to the local Lambda API. Their output goes to CloudWatch Logs.
    Deployed(DeployedFunctions, Arc<CloudWatchLogs>),
    /// One function for all mappings.
    Given(Arc<Runner>),
}

impl Functions {
    /// Uses the runner of the configuration, if there is one, and otherwise the functions of Lambda's API.
    pub(super) fn new(sdk: &SdkConfig, config: &BridgeConfig) -> Self {
        if let Some(runner) = &config.runner {
            return Self::Given(Arc::clone(runner));
        }
        let logs = CloudWatchLogs::start(sdk);
        let settings = RunnerSettings { scratch: config.scratch.clone(), ..RunnerSettings::default() };
        Self::Deployed(DeployedFunctions::new(sdk, settings, Arc::clone(&logs) as _), logs)
    }

    /// Checks with Lambda's API that a function can be invoked.
    ///
    /// A given runner is always ready.
    pub(crate) async fn ready(&self, name: &str) -> Result<(), DeployedError> {
        match self {
            Self::Deployed(functions, _) => functions.get(name).await.map(drop),
            Self::Given(_) => Ok(()),
        }
    }

    /// Invokes a function with an event.
    ///
    /// An event beyond [`REQUEST_LIMIT`] counts as a failure.
    pub(crate) async fn invoke(&self, name: &str, event: impl Into<Bytes>) -> Invoked {
        let outcome = match self {
            Self::Deployed(functions, _) => functions.invoke(name, event).await,
            Self::Given(runner) => runner.invoke(event).await,
        };
        match outcome {
            Outcome::Answer(answer) => Invoked::Answer(answer),
            Outcome::Failed(error) => Invoked::Failed(format!("Unhandled: {}", error_text(&error.payload))),
            Outcome::TooLarge { bytes } => Invoked::Failed(format!(
                "the event has {bytes} bytes, but an invocation may have at most {REQUEST_LIMIT}"
            )),
            Outcome::Throttled => Invoked::Unavailable(
                "throttled: the function's reserved concurrency is in use, or is 0".to_owned(),
            ),
            Outcome::Unavailable(reason) => Invoked::Unavailable(shortened(&reason)),
        }
    }

    /// Opens the port for callers of functions. Returns `None` if one function was given for all mappings.
    ///
    /// Fails if the port is in use.
    pub(super) async fn front(&self, port: u16) -> std::io::Result<Option<Front>> {
        match self {
            Self::Deployed(functions, _) => Front::open(port, functions.clone()).await.map(Some),
            Self::Given(_) => Ok(None),
        }
    }

    /// Ends all processes and sends the rest of their output.
    pub(super) async fn stop(&self) {
        match self {
            Self::Deployed(functions, logs) => {
                functions.stop().await;
                logs.flush().await;
            }
            Self::Given(runner) => runner.retire().await,
        }
    }
}

/// Formats a function's error as `errorType: errorMessage`. If the payload has another form, returns its text.
fn error_text(payload: &[u8]) -> String {
    let json: serde_json::Value = serde_json::from_slice(payload).unwrap_or_default();
    let text = match (json["errorType"].as_str(), json["errorMessage"].as_str()) {
        (Some(kind), Some(message)) => format!("{kind}: {message}"),
        (None, Some(message)) => message.to_owned(),
        _ => String::from_utf8_lossy(payload).into_owned(),
    };
    shortened(&text)
}

/// Cuts a text after [`ERROR_CHARS`] characters and appends `…`.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(ERROR_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
