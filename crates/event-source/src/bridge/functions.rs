//! Where the functions of the mappings come from.

use std::sync::Arc;

use aws_config::SdkConfig;
use bytes::Bytes;
use function_runner::deployed::{CloudWatchLogs, DeployedError, DeployedFunctions};
use function_runner::front::Front;
use function_runner::{Outcome, Runner, Settings};

use super::BridgeConfig;

/// The functions. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Functions {
    /// Each as it is deployed; what it prints goes to CloudWatch Logs.
    Deployed(DeployedFunctions, Arc<CloudWatchLogs>),
    /// One for all mappings.
    Given(Arc<Runner>),
}

impl Functions {
    pub(super) fn new(sdk: &SdkConfig, config: &BridgeConfig) -> Self {
        if let Some(runner) = &config.runner {
            return Self::Given(Arc::clone(runner));
        }
        let logs = CloudWatchLogs::start(sdk);
        let settings = Settings { scratch: config.scratch.clone(), ..Settings::default() };
        Self::Deployed(DeployedFunctions::new(sdk, settings, Arc::clone(&logs) as _), logs)
    }

    /// Whether a function can be invoked now, as far as Lambda's API says.
    pub(crate) async fn ready(&self, name: &str) -> Result<(), DeployedError> {
        match self {
            Self::Deployed(functions, _) => functions.get(name).await.map(drop),
            Self::Given(_) => Ok(()),
        }
    }

    /// Invokes a function with an event.
    pub(crate) async fn invoke(&self, name: &str, event: impl Into<Bytes>) -> Outcome {
        match self {
            Self::Deployed(functions, _) => functions.invoke(name, event).await,
            Self::Given(runner) => runner.invoke(event).await,
        }
    }

    /// Opens the port for callers of functions; nothing where one function was given.
    pub(super) async fn front(&self, port: u16) -> std::io::Result<Option<Front>> {
        match self {
            Self::Deployed(functions, _) => Front::open(port, functions.clone()).await.map(Some),
            Self::Given(_) => Ok(None),
        }
    }

    /// Ends all processes, and sends what they printed.
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
