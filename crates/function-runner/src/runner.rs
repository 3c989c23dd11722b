//! Manages a function's processes, one for each concurrent invocation.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use uuid::Uuid;

use crate::environment::{Environment, NotStarted, Recipe};
use crate::invocation::After;
use crate::{Cause, Credentials, Function, FunctionError, LogSink, Outcome, REQUEST_LIMIT, RunnerSettings};

/// The interval between two checks of idle processes.
const SWEEP: Duration = Duration::from_secs(1);

/// How long an invocation waits for a process that has answered but not requested its next event. After this time, the
/// invocation starts another process.
const ALMOST_READY: Duration = Duration::from_millis(50);

/// Runs one version of a function. A new deployment needs a new runner; call [`Runner::retire`] on the old one.
///
/// Idle processes are killed when the runner is dropped.
pub struct Runner {
    inner: Arc<Inner>,
}

/// What a runner shares with its running invocations.
struct Inner {
    function: Function,
    settings: RunnerSettings,
    logs: Arc<dyn LogSink>,
    /// The credentials of the next process.
    credentials: Mutex<Option<Credentials>>,
    /// The reserved concurrency. An invocation holds a permit until its process is ready again.
    slots: Option<Arc<Semaphore>>,
    /// The processes that wait for an event. The one that was used last is at the end.
    idle: Mutex<Vec<Environment>>,
    /// The number of processes that have answered but still work.
    working: AtomicUsize,
    /// Notified when a process that still worked has become ready or has ended.
    settled: Notify,
    /// Set by [`Runner::retire`]. Processes that become ready later are ended.
    retired: AtomicBool,
}

/// The outcome of an invocation, with its request id and log.
#[derive(Debug)]
pub struct Traced {
    /// The request id, as in the function's log.
    pub request_id: String,
    /// The outcome.
    pub outcome: Outcome,
    /// The last 4 KB of the invocation's log, if requested. Empty if the function did not start.
    pub log: String,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Runner").field("function", &self.inner.function).finish_non_exhaustive()
    }
}

impl Runner {
    /// Creates a runner without processes. Must be called in a Tokio runtime.
    #[must_use]
    pub fn new(function: Function, settings: RunnerSettings, logs: Arc<dyn LogSink>) -> Self {
        let inner = Arc::new(Inner {
            slots: function.reserved_concurrency.map(|slots| Arc::new(Semaphore::new(slots))),
            function,
            settings,
            logs,
            credentials: Mutex::default(),
            idle: Mutex::default(),
            working: AtomicUsize::new(0),
            settled: Notify::new(),
            retired: AtomicBool::new(false),
        });
        tokio::spawn(sweep(Arc::downgrade(&inner)));
        Self { inner }
    }

    /// The function.
    #[must_use]
    pub fn function(&self) -> &Function {
        &self.inner.function
    }

    /// Sets the credentials of processes that are started later.
    pub fn set_credentials(&self, credentials: Credentials) {
        *lock(&self.inner.credentials) = Some(credentials);
    }

    /// The last credentials that were set.
    #[must_use]
    pub fn credentials(&self) -> Option<Credentials> {
        lock(&self.inner.credentials).clone()
    }

    /// Invokes the function. As in Lambda, the invocation continues if the caller stops waiting.
    ///
    /// The concurrency is not queued: beyond the reserved concurrency the outcome is [`Outcome::Throttled`] at once.
    pub async fn invoke(&self, payload: impl Into<Bytes>) -> Outcome {
        self.run(payload.into(), Uuid::new_v4().to_string(), false).await.0
    }

    /// Invokes the function and also returns the request id and, with `with_log`, the end of the log.
    pub async fn invoke_traced(&self, payload: impl Into<Bytes>, with_log: bool) -> Traced {
        let request_id = Uuid::new_v4().to_string();
        let (outcome, log) = self.run(payload.into(), request_id.clone(), with_log).await;
        Traced { request_id, outcome, log }
    }

    /// Checks size and concurrency, and then runs the invocation in its own task.
    async fn run(&self, payload: Bytes, request_id: String, with_log: bool) -> (Outcome, String) {
        let without_log = |outcome| (outcome, String::new());
        if payload.len() > REQUEST_LIMIT {
            return without_log(Outcome::TooLarge { bytes: payload.len() });
        }
        let slot = match &self.inner.slots {
            None => None,
            Some(slots) => match Arc::clone(slots).try_acquire_owned() {
                Ok(slot) => Some(slot),
                Err(_) => return without_log(Outcome::Throttled),
            },
        };
        let run = Arc::clone(&self.inner).run(payload, request_id, with_log, slot);
        tokio::spawn(run).await.unwrap_or_else(|error| without_log(Outcome::Unavailable(error.to_string())))
    }

    /// Ends the idle processes now, and each busy process when its invocation has ended.
    pub async fn retire(&self) {
        self.inner.retired.store(true, Ordering::SeqCst);
        let idle = std::mem::take(&mut *lock(&self.inner.idle));
        self.inner.end_all(idle).await;
    }
}

impl Inner {
    /// Runs one invocation in an environment, and returns the outcome with the end of the log. `slot` is released when
    /// the environment is ready for the next event.
    async fn run(
        self: Arc<Self>,
        payload: Bytes,
        request_id: String,
        with_log: bool,
        slot: Option<OwnedSemaphorePermit>,
    ) -> (Outcome, String) {
        let mut environment = match self.lease(&request_id).await {
            Ok(environment) => environment,
            Err(not_started) => {
                let outcome = match not_started {
                    NotStarted::Machine(text) => Outcome::Unavailable(text),
                    NotStarted::Function(error) => Outcome::Failed(error),
                    NotStarted::TimedOut => Outcome::Failed(start_timed_out(&self.function, &request_id)),
                };
                return (outcome, String::new());
            }
        };
        let (outcome, after) = environment.invoke(&self.function, &request_id, payload).await;
        let log = if with_log { environment.logs.tail().await } else { String::new() };
        match after {
            After::Ready => self.release(environment),
            After::Ended => drop(tokio::spawn(environment.kill())),
            After::Working(until) => {
                self.working.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    if environment.settle(until).await {
                        self.release(environment);
                    } else {
                        environment.kill().await;
                    }
                    self.working.fetch_sub(1, Ordering::SeqCst);
                    self.settled.notify_one();
                    drop(slot);
                });
            }
        }
        (outcome, log)
    }

    /// Takes an idle environment, waits shortly for one that still works, or starts a new one.
    async fn lease(&self, request_id: &str) -> Result<Environment, NotStarted> {
        if let Some(environment) = self.pop() {
            return Ok(environment);
        }
        if self.working.load(Ordering::SeqCst) > 0 {
            let _ = tokio::time::timeout(ALMOST_READY, self.settled.notified()).await;
            if let Some(environment) = self.pop() {
                return Ok(environment);
            }
        }
        let recipe = || Recipe {
            function: &self.function,
            settings: &self.settings,
            credentials: lock(&self.credentials).clone(),
            logs: Arc::clone(&self.logs),
        };
        match Environment::start(recipe(), request_id, self.settings.start_up).await {
            // As in Lambda, the second start may take as long as an invocation.
            Err(NotStarted::TimedOut) => {
                Environment::start(recipe(), request_id, self.function.timeout).await
            }
            started => started,
        }
    }

    /// Takes the process that was used last. Its caches are warm, and unneeded processes stay idle until they are
    /// ended.
    fn pop(&self) -> Option<Environment> {
        loop {
            let mut environment = lock(&self.idle).pop()?;
            if environment.usable() {
                return Some(environment);
            }
            tokio::spawn(environment.end(self.settings.grace));
        }
    }

    /// Makes an environment idle, or ends it if the runner has retired.
    fn release(&self, mut environment: Environment) {
        if self.settings.freeze {
            environment.process.freeze();
        }
        environment.idle_since = Instant::now();
        let mut idle = lock(&self.idle);
        // The flag is read under the lock, because `retire` sets it before it takes the idle processes.
        if self.retired.load(Ordering::SeqCst) {
            drop(idle);
            tokio::spawn(environment.end(self.settings.grace));
        } else {
            idle.push(environment);
        }
    }

    /// Ends environments at the same time, and waits for all of them.
    async fn end_all(&self, environments: Vec<Environment>) {
        let mut ending = tokio::task::JoinSet::new();
        for environment in environments {
            ending.spawn(environment.end(self.settings.grace));
        }
        while ending.join_next().await.is_some() {}
    }
}

/// Ends processes that were idle for too long, and removes those that were killed meanwhile.
async fn sweep(runner: Weak<Inner>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(inner) = runner.upgrade() else { return };
        let old: Vec<_> = {
            let mut idle = lock(&inner.idle);
            let over = |environment: &mut Environment| {
                environment.idle_since.elapsed() >= inner.settings.idle || !environment.usable()
            };
            idle.extract_if(.., over).collect()
        };
        inner.end_all(old).await;
    }
}

/// The error if the second start also took too long.
fn start_timed_out(function: &Function, request_id: &str) -> FunctionError {
    let message = format!(
        "RequestId: {request_id} Error: Task timed out after {:.2} seconds",
        function.timeout.as_secs_f64()
    );
    FunctionError::of_platform(Cause::TimedOut, "Sandbox.Timedout", message)
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // A poisoned lock is no problem: each change is a single operation, so the value is consistent.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
