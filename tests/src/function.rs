//! Runs a function as a process, as Lambda does.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kafka_batch::BatchResponse;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::parts::{Parts, binary};
use crate::runtime_api::{Answer, RuntimeApi};

/// How long a test waits for a function's first request for an event. An invocation may exceed its timeout by the same
/// time before the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running function: one execution environment of Lambda. Dropping it kills the process.
pub struct Function {
    /// When the process was spawned.
    started: Instant,
    /// `None` only while `invoke` polls the process.
    process: Arc<Mutex<Option<Child>>>,
    api: RuntimeApi,
}

/// Result of an invocation.
#[derive(Debug, Clone, PartialEq)]
pub enum Invoked {
    /// The function's answer.
    Answer(Value),
    /// The function reported an error: its type and its message.
    Error(String, String),
    /// The process ended before it answered.
    Died,
}

impl Invoked {
    /// The answer. Panics if there was none.
    #[must_use]
    pub fn answer(self) -> Value {
        match self {
            Self::Answer(value) => value,
            other => panic!("no answer but {other:?}"),
        }
    }

    /// The type and message of the error. Panics if the invocation did not end with an error.
    #[must_use]
    pub fn error(self) -> (String, String) {
        match self {
            Self::Error(class, message) => (class, message),
            other => panic!("no error but {other:?}"),
        }
    }

    /// Panics unless the function answered with a batch response without failed records.
    pub fn all_handled(self) {
        let response: BatchResponse = serde_json::from_value(self.answer()).unwrap();
        assert_eq!(response, BatchResponse::default());
    }
}

/// Suspends and resumes a function's process, as Lambda does between invocations.
#[derive(Debug, Clone, Copy)]
pub struct Freezer(Pid);

impl Freezer {
    /// Suspends the process. Its connections stay open.
    pub fn freeze(self) {
        kill_process(self.0, Signal::STOP).unwrap();
    }

    /// Resumes the process.
    pub fn thaw(self) {
        kill_process(self.0, Signal::CONT).unwrap();
    }
}

impl Function {
    /// Starts the function `name` with these pipelines (YAML texts). The function connects to the addresses in `parts`.
    /// To put a [`crate::Proxy`] in between, set its address in the parts' `endpoint` or `database_url` first.
    pub async fn start(name: &str, parts: &Parts, pipelines: &[String]) -> Self {
        Self::start_with(name, parts, pipelines, &[]).await
    }

    /// Like [`Self::start`], with further environment variables, which override the usual ones.
    pub async fn start_with(
        name: &str,
        parts: &Parts,
        pipelines: &[String],
        variables: &[(&str, &str)],
    ) -> Self {
        Self::run(name, parts, pipelines, variables, (Stdio::null(), Stdio::inherit())).await
    }

    /// Like [`Self::start_with`], without pipelines. The function's standard output and standard error go to the file
    /// `log`.
    pub async fn start_logging(
        name: &str,
        parts: &Parts,
        variables: &[(&str, &str)],
        log: &std::fs::File,
    ) -> Self {
        let output = || Stdio::from(log.try_clone().unwrap());
        Self::run(name, parts, &[], variables, (output(), output())).await
    }

    /// Spawns the binary with an environment that contains only the variables set here.
    async fn run(
        name: &str,
        parts: &Parts,
        pipelines: &[String],
        variables: &[(&str, &str)],
        (stdout, stderr): (Stdio, Stdio),
    ) -> Self {
        let api = RuntimeApi::start().await;
        let pipelines: Vec<pipeline::Pipeline> =
            pipelines.iter().map(|yaml| pipeline::Pipeline::from_yaml(yaml, "test").unwrap()).collect();
        let mut command = Command::new(binary(name));
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", &api.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env("AWS_REGION", std::env::var("AWS_REGION").unwrap_or("us-east-1".into()))
            .env("AWS_ACCESS_KEY_ID", std::env::var("AWS_ACCESS_KEY_ID").unwrap_or("test".into()))
            .env("AWS_SECRET_ACCESS_KEY", std::env::var("AWS_SECRET_ACCESS_KEY").unwrap_or("test".into()))
            .env("AWS_ENDPOINT_URL", &parts.endpoint)
            .env("DATABASE_URL", &parts.database_url)
            .env("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
            .env("KAFKA_AUTH", "plaintext")
            .env("ROOMS_TOPIC", &parts.topic)
            .env("TELEMETRY_TOPIC", &parts.topic)
            .env("LAKE_ROOT", parts.lake_root.to_string())
            .env("PARKED_ROOT", parts.parked_root.to_string())
            .env("MEDIA_SOURCE", &parts.media)
            .env("INBOX_ROOT", &parts.inbox)
            .env("SETTLE_SECONDS", "1")
            .env("HEADWATER_PIPELINES", serde_json::to_string(&pipelines).unwrap())
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .kill_on_drop(true);
        let started = Instant::now();
        let process = Arc::new(Mutex::new(Some(command.spawn().unwrap())));
        Self { started, process, api }
    }

    /// Sets the timeout of later invocations. The function gets it as its deadline.
    pub fn limit(&self, timeout: Duration) {
        *self.api.timeout.lock().unwrap() = timeout;
    }

    /// The peak resident memory of the process in bytes (`VmHWM` of `/proc/PID/status`).
    #[must_use]
    pub fn most_memory(&self) -> u64 {
        let id = self.process.lock().unwrap().as_ref().and_then(Child::id).unwrap();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }

    /// The CPU time of the process, summed over the threads that still run.
    #[must_use]
    pub fn processor_time(&self) -> Duration {
        let id = self.process.lock().unwrap().as_ref().and_then(Child::id).unwrap();
        let threads = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
        let on_processor = |thread: std::fs::DirEntry| {
            // The thread may have ended in the meantime.
            let statistics = std::fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            statistics.split_whitespace().next().map_or(0, |nanoseconds| nanoseconds.parse().unwrap())
        };
        Duration::from_nanos(threads.map(|thread| on_processor(thread.unwrap())).sum())
    }

    /// The time from the start of the process to its first request for an event.
    pub async fn start_up(&mut self) -> Duration {
        let asked = self.api.asked.wait_for(Option::is_some);
        let asked = timeout(PATIENCE, asked).await.expect("the function never asked for an event").unwrap();
        asked.unwrap().duration_since(self.started)
    }

    /// Returns a closure that kills this function's process.
    pub fn killer(&self) -> impl Fn() + Send + Sync + 'static {
        let process = Arc::clone(&self.process);
        move || {
            if let Some(child) = process.lock().unwrap().as_mut() {
                // Sends SIGKILL. An error means that the process has ended already.
                let _ = child.start_kill();
            }
        }
    }

    /// Returns a handle that suspends and resumes this function's process.
    #[must_use]
    pub fn freezer(&self) -> Freezer {
        let id = self.process.lock().unwrap().as_ref().and_then(Child::id).unwrap();
        Freezer(Pid::from_raw(i32::try_from(id).unwrap()).unwrap())
    }

    /// Sends an event to the function, and waits until it answers or its process ends. Panics if neither happens within
    /// the timeout of the invocation and [`PATIENCE`].
    pub async fn invoke(&mut self, event: &[u8]) -> Invoked {
        self.api.events.send(event.to_vec()).await.unwrap();
        let process = Arc::clone(&self.process);
        let died = async move {
            let mut child = process.lock().unwrap().take().unwrap();
            // This polls, because `wait` would hold the child, and the closure of `killer` needs the child at the same
            // time.
            loop {
                if child.try_wait().unwrap().is_some() {
                    return;
                }
                *process.lock().unwrap() = Some(child);
                tokio::time::sleep(Duration::from_millis(5)).await;
                child = process.lock().unwrap().take().unwrap();
            }
        };
        let limit = *self.api.timeout.lock().unwrap();
        let answer = timeout(limit + PATIENCE, async {
            tokio::select! {
                biased;
                answer = self.api.answers.recv() => answer,
                () = died => None,
            }
        });
        match answer.await.expect("the function neither answered nor died in time") {
            Some(Answer::Response(value)) => Invoked::Answer(value),
            Some(Answer::Error(error)) => {
                let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
                Invoked::Error(text("errorType"), text("errorMessage"))
            }
            None => Invoked::Died,
        }
    }
}
