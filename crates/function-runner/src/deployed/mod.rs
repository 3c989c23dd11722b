//! Runs functions as they are deployed: reads them from Lambda's API, keeps them current, and runs them on this
//! machine.

mod api;
mod logs;
mod lookup;
mod role;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_lambda::error::DisplayErrorContext;
use bytes::Bytes;
use tokio::time::Instant;

use crate::{LogSink, Outcome, Runner, RunnerSettings};
use lookup::{Deployment, Lookup};
use role::Role;

pub use logs::CloudWatchLogs;

/// How long a function's configuration is cached. A new deployment takes effect after this time at the latest.
const FRESH: Duration = Duration::from_secs(1);

/// Where a function runs.
#[derive(Debug, Clone)]
pub enum Target {
    /// On this machine.
    Here(Arc<Runner>),
    /// Behind Lambda's API. The function is not a `provided.*` zip file, so this machine does not have its runtime.
    Api,
}

/// Why a function cannot be run now.
#[derive(Debug, thiserror::Error)]
pub enum DeployedError {
    /// The function does not exist.
    #[error("there is no function {0}: deploy it (on the local stack: `headwater up`)")]
    Missing(String),
    /// A request to Lambda's API, to STS or for the code failed. Another attempt may succeed.
    #[error("cannot read function {name}: {reason}")]
    Unreadable {
        /// The function's name or ARN.
        name: String,
        /// The problem.
        reason: String,
    },
    /// The code cannot be unpacked.
    #[error("cannot run function {name}")]
    Code {
        /// The function's name or ARN.
        name: String,
        /// The problem with the code.
        source: crate::CodeError,
    },
}

impl faults::Classified for DeployedError {
    fn class(&self) -> faults::FaultClass {
        match self {
            Self::Missing(_) => faults::FaultClass::Configuration,
            Self::Unreadable { .. } => faults::FaultClass::Retryable,
            Self::Code { source, .. } => source.class(),
        }
    }
}

/// All functions of a Lambda endpoint. Cheap to clone.
#[derive(Clone)]
pub struct DeployedFunctions(Arc<Inner>);

/// What all clones of [`DeployedFunctions`] share.
struct Inner {
    lookup: Lookup,
    role: Role,
    /// Invokes functions that this machine cannot run.
    api: aws_sdk_lambda::Client,
    settings: RunnerSettings,
    logs: Arc<dyn LogSink>,
    /// The functions that were used, by the name or ARN of the caller.
    known: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Known>>>>,
}

/// The cached state of one function.
#[derive(Default)]
struct Known {
    target: Option<Target>,
    /// The deployment that the target was made from.
    deployment: Option<Deployment>,
    /// When Lambda's API was last asked.
    asked: Option<Instant>,
    /// Set after a failed invocation or request: the role's session may have expired or been lost.
    doubtful: bool,
}

impl std::fmt::Debug for DeployedFunctions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("DeployedFunctions")
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}

impl DeployedFunctions {
    /// The functions of the endpoint of `sdk`. Their code is unpacked below `settings.scratch`.
    #[must_use]
    pub fn new(sdk: &SdkConfig, settings: RunnerSettings, logs: Arc<dyn LogSink>) -> Self {
        Self(Arc::new(Inner {
            lookup: Lookup::new(sdk, settings.scratch.join("code")),
            role: Role::new(sdk),
            api: api::client(sdk),
            settings,
            logs,
            known: Mutex::default(),
        }))
    }

    /// Returns where the function runs now. `name` is a name or an ARN, with or without a version or an alias.
    ///
    /// The answer is at most one second old, except after [`Self::doubt`], which makes the next call ask Lambda's API.
    /// Concurrent calls for one function wait for each other, so the API is asked once.
    ///
    /// Fails with the [`DeployedError`] of the lookup. A runner that exists stays, and the next call asks again.
    pub async fn get(&self, name: &str) -> Result<Target, DeployedError> {
        let known = Arc::clone(self.known().entry(name.to_owned()).or_default());
        let mut known = known.lock().await;
        let current = |known: &Known| {
            let fresh = !known.doubtful && known.asked.is_some_and(|asked| asked.elapsed() < FRESH);
            known.target.clone().filter(|_| fresh)
        };
        if let Some(target) = current(&known) {
            return Ok(target);
        }
        match self.refresh(name, &mut known).await {
            Ok(target) => {
                known.asked = Some(Instant::now());
                known.doubtful = false;
                Ok(target)
            }
            Err(error) => {
                known.doubtful = true;
                Err(error)
            }
        }
    }

    /// Invokes the function, on this machine or through Lambda's API.
    ///
    /// An error of [`Self::get`] becomes [`Outcome::Unavailable`] with its chain of causes.
    pub async fn invoke(&self, name: &str, payload: impl Into<Bytes>) -> Outcome {
        let outcome = match self.get(name).await {
            Ok(Target::Here(runner)) => runner.invoke(payload).await,
            Ok(Target::Api) => api::invoke(&self.0.api, name, payload.into()).await,
            Err(error) => Outcome::Unavailable(faults::chain(&error)),
        };
        if matches!(outcome, Outcome::Failed(_)) {
            self.doubt(name).await;
        }
        outcome
    }

    /// Call this after a failed invocation. Before the next invocation, it is then checked that the function and its
    /// role's session still exist.
    pub async fn doubt(&self, name: &str) {
        let known = self.known().get(name).cloned();
        if let Some(known) = known {
            known.lock().await.doubtful = true;
        }
    }

    /// Ends the processes of all functions.
    ///
    /// It waits until idle processes have ended. Busy ones end after their invocations.
    pub async fn stop(&self) {
        let all: Vec<_> = self.known().drain().map(|(_, known)| known).collect();
        for known in all {
            if let Some(Target::Here(runner)) = known.lock().await.target.take() {
                runner.retire().await;
            }
        }
    }

    /// Asks Lambda's API and replaces the runner or its credentials if something has changed.
    ///
    /// If the deployment has the same identity, the runner stays. Its credentials are renewed if they expire soon. If
    /// the identity differs, or STS does not know the role's session any more, a new runner replaces it, and the old
    /// one retires in the background.
    async fn refresh(&self, name: &str, known: &mut Known) -> Result<Target, DeployedError> {
        let inner = &*self.0;
        let deployment = inner.lookup.find(name).await?;
        let unreadable = |reason| DeployedError::Unreadable { name: name.to_owned(), reason };
        if let Some(target) = &known.target
            && known.deployment.as_ref().is_some_and(|before| before.identity == deployment.identity)
        {
            let Target::Here(runner) = target else { return Ok(Target::Api) };
            let held = runner.credentials();
            let valid = !known.doubtful || inner.role.holds(held.as_ref()).await.map_err(unreadable)?;
            if valid {
                if role::ends_soon(held.as_ref()) {
                    let renewed = inner.role.assume(&deployment.role).await.map_err(unreadable)?;
                    runner.set_credentials(renewed);
                }
                return Ok(Target::Here(Arc::clone(runner)));
            }
            tracing::warn!(
                function = name,
                "STS no longer knows the session of the function's role: its processes are replaced"
            );
        }
        let target = if deployment.runs_here {
            let function = inner.lookup.function(name, &deployment).await?;
            let credentials = inner.role.assume(&deployment.role).await.map_err(unreadable)?;
            let runner = Runner::new(function, inner.settings.clone(), Arc::clone(&inner.logs));
            runner.set_credentials(credentials);
            Target::Here(Arc::new(runner))
        } else {
            Target::Api
        };
        known.deployment = Some(deployment);
        if let Some(Target::Here(old)) = known.target.replace(target.clone()) {
            tokio::spawn(async move { old.retire().await });
        }
        Ok(target)
    }

    /// The lock of the map. It is held for single operations only, never across an `await`.
    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<tokio::sync::Mutex<Known>>>> {
        // Each change is a single operation, so the value is consistent even if a thread panicked meanwhile.
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The SDK's error with all its causes.
fn text(error: impl std::error::Error) -> String {
    DisplayErrorContext(&error).to_string()
}
