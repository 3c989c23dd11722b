//! Where the functions of the mappings come from.

use std::sync::Arc;

use aws_config::SdkConfig;
use function_runner::deployed::{CloudWatchLogs, DeployedFunctions};
use function_runner::front::Front;
use function_runner::{Outcome, Runner, Settings};

use super::BridgeConfig;

/// The functions. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) enum Functions {
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

    /// Invokes a function with an event.
    pub(super) async fn invoke(&self, name: &str, event: Vec<u8>) -> Outcome {
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
