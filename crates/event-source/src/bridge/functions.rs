//! Where the functions of the mappings come from.

use std::sync::Arc;

use aws_config::SdkConfig;
use function_runner::deployed::{CloudWatchLogs, DeployedError, DeployedFunctions, Target};
use function_runner::{Runner, Settings};

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

    /// Who runs the function now.
    pub(super) async fn get(&self, name: &str) -> Result<Target, DeployedError> {
        match self {
            Self::Deployed(functions, _) => functions.get(name).await,
            Self::Given(runner) => Ok(Target::Here(Arc::clone(runner))),
        }
    }

    /// An invocation failed: see [`DeployedFunctions::doubt`].
    pub(super) async fn doubt(&self, name: &str) {
        if let Self::Deployed(functions, _) = self {
            functions.doubt(name).await;
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
