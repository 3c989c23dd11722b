//! One execution environment: a process with its Runtime API, its log and its scratch folder.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::logs::LogPipe;
use crate::process::Process;
use crate::report::{self, Report};
use crate::runtime_api::{Call, Event, RuntimeApi};
use crate::variables::{self, Sandbox};
use crate::{Cause, Credentials, Function, FunctionError, LogSink, RunnerSettings};

/// An environment gets no more events from this long before its credentials expire.
const CREDENTIALS_MARGIN: Duration = Duration::from_mins(5);

/// An execution environment. It processes one event at a time.
#[derive(Debug)]
pub(crate) struct Environment {
    /// The process with all its descendants.
    pub(crate) process: Process,
    /// The process's own Runtime API. Its address is in `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) api: RuntimeApi,
    /// The output of the process, and the runner's lines about it.
    pub(crate) logs: LogPipe,
    /// The process's `TMPDIR`. It is deleted when the environment is dropped.
    scratch: TempDir,
    /// The process's pending request for its next event.
    pub(crate) waiting: Option<oneshot::Sender<Event>>,
    /// How long the start took. The first invocation reports and clears it.
    pub(crate) init: Option<Duration>,
    /// When the process's credentials expire.
    credentials_end: Option<SystemTime>,
    /// When the environment became idle.
    pub(crate) idle_since: Instant,
}

/// The parameters of a new environment.
pub(crate) struct Recipe<'a> {
    /// The function that the process runs.
    pub(crate) function: &'a Function,
    /// Where the scratch folder is made.
    pub(crate) settings: &'a RunnerSettings,
    /// The role's credentials. Without any, the process has no `AWS_ACCESS_KEY_ID`.
    pub(crate) credentials: Option<Credentials>,
    pub(crate) logs: Arc<dyn LogSink>,
}

/// Why an environment could not be started.
#[derive(Debug)]
pub(crate) enum NotStarted {
    /// A problem of this machine.
    Machine(String),
    /// A problem of the function.
    Function(FunctionError),
    /// The process did not request an event in time.
    TimedOut,
}

impl From<io::Error> for NotStarted {
    fn from(error: io::Error) -> Self {
        Self::Machine(error.to_string())
    }
}

impl Environment {
    /// Starts a process and waits until it requests its first event. `request_id` is the invocation that needs it.
    ///
    /// `limit` is the longest time until that request. A process that fails or takes longer is killed, and its log gets
    /// an `INIT_REPORT` line, as in Lambda.
    pub(crate) async fn start(
        recipe: Recipe<'_>,
        request_id: &str,
        limit: Duration,
    ) -> Result<Self, NotStarted> {
        let Recipe { function, settings, credentials, logs } = recipe;
        let started = Instant::now();
        let api = RuntimeApi::start().await?;
        std::fs::create_dir_all(&settings.scratch)?;
        let scratch = TempDir::with_prefix_in("function-", &settings.scratch)?;
        let today = chrono::Utc::now().format("%Y/%m/%d");
        let stream = format!("{today}/[{}]{}", function.version, Uuid::new_v4().simple());
        let sandbox = Sandbox { api: api.address, scratch: scratch.path(), log_stream: &stream };
        let variables = variables::of(function, credentials.as_ref(), &sandbox);
        let folder = function.code.folder();
        let bootstrap = function.code.bootstrap();
        let (process, output) = Process::start(&bootstrap, folder, &variables).await.map_err(|error| {
            match error.kind() {
                io::ErrorKind::NotFound
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::ExecutableFileBusy => {
                    NotStarted::Function(invalid_entrypoint(&bootstrap, &error, request_id))
                }
                // The file is for another architecture, or it is a script without a `#!` line.
                _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
                    NotStarted::Function(invalid_entrypoint(&bootstrap, &error, request_id))
                }
                _ => NotStarted::from(error),
            }
        })?;
        let logs = LogPipe::start(output, logs, function.log_group.as_str().into(), stream.into());
        let mut environment = Self {
            process,
            api,
            logs,
            scratch,
            waiting: None,
            init: None,
            credentials_end: credentials.and_then(|credentials| credentials.expires),
            idle_since: started,
        };
        let failure = match environment.first_call(started + limit, request_id).await {
            Ok(()) => {
                environment.init = Some(started.elapsed());
                return Ok(environment);
            }
            Err(failure) => failure,
        };
        environment.report_failed_start(function, request_id, started.elapsed(), &failure);
        environment.kill().await;
        Err(failure)
    }

    /// Waits for the first request of an event. The process may instead report an init error, end, or exceed
    /// `deadline`.
    async fn first_call(&mut self, deadline: Instant, request_id: &str) -> Result<(), NotStarted> {
        loop {
            tokio::select! {
                biased;
                call = self.api.calls.recv() => match call {
                    Some(Call::Next(waiting)) => {
                        self.waiting = Some(waiting);
                        return Ok(());
                    }
                    Some(Call::InitError { error_type, payload }) => {
                        return Err(NotStarted::Function(FunctionError::reported(Cause::Init, error_type, payload)));
                    }
                    // There is no event yet that could be answered. Dropping the call rejects it.
                    Some(Call::Response { .. } | Call::Error { .. }) => {}
                    None => return Err(NotStarted::Machine("the Runtime API ended".to_owned())),
                },
                status = self.process.wait() => {
                    return Err(NotStarted::Function(exited(Cause::Init, status?, request_id)));
                }
                () = sleep_until(deadline) => return Err(NotStarted::TimedOut),
            }
        }
    }

    /// Writes Lambda's lines for a start that failed. A start that timed out gets only `INIT_REPORT`, because Lambda
    /// starts the process once more.
    fn report_failed_start(
        &self,
        function: &Function,
        request_id: &str,
        took: Duration,
        failure: &NotStarted,
    ) {
        let (status, error_type, message) = match failure {
            NotStarted::TimedOut => ("timeout", None, None),
            NotStarted::Machine(text) => ("error", None, Some(text)),
            NotStarted::Function(error) => ("error", Some(error.error_type.as_str()), Some(&error.message)),
        };
        let milliseconds = took.as_secs_f64() * 1e3;
        self.logs
            .say(format!("INIT_REPORT Init Duration: {milliseconds:.2} ms\tPhase: init\tStatus: {status}"));
        if status == "timeout" {
            return;
        }
        self.logs.say(report::start(request_id, &function.version));
        if let Some(message) = message {
            self.logs.say(message.clone());
        }
        self.logs.say(report::end(request_id));
        let report = Report {
            request_id,
            duration: took,
            init: None,
            memory_mb: function.memory_mb,
            most_memory: None,
            status: Some((status, error_type)),
        };
        self.logs.say(report.line());
    }

    /// Whether the environment can process another event.
    ///
    /// It cannot if its process has ended or its credentials expire within [`CREDENTIALS_MARGIN`].
    pub(crate) fn usable(&mut self) -> bool {
        let expires_soon = self.credentials_end.is_some_and(|end| {
            end.duration_since(SystemTime::now()).is_ok_and(|left| left < CREDENTIALS_MARGIN)
                || end <= SystemTime::now()
        });
        !expires_soon && !self.process.has_ended()
    }

    /// Ends the process: SIGTERM, and SIGKILL after `grace`.
    pub(crate) async fn end(mut self, grace: Duration) {
        self.process.end(grace).await;
        self.finish().await;
    }

    /// Kills the process.
    pub(crate) async fn kill(mut self) {
        self.process.kill().await;
        self.finish().await;
    }

    /// Reads the rest of the output and deletes the scratch folder.
    async fn finish(self) {
        self.logs.finish().await;
        if let Err(error) = self.scratch.close() {
            tracing::debug!(%error, "a function's scratch folder was not deleted");
        }
    }
}

/// Lambda's error for a `bootstrap` that is missing or cannot be executed.
fn invalid_entrypoint(bootstrap: &std::path::Path, error: &io::Error, request_id: &str) -> FunctionError {
    let message = format!(
        "RequestId: {request_id} Error: Couldn't find valid bootstrap(s): [{}]: {error}",
        bootstrap.display()
    );
    FunctionError::of_platform(Cause::Init, "Runtime.InvalidEntrypoint", message)
}

/// The error, in Lambda's words, for a process that ended.
pub(crate) fn exited(cause: Cause, status: std::process::ExitStatus, request_id: &str) -> FunctionError {
    use std::os::unix::process::ExitStatusExt as _;
    let how = match (status.code(), status.signal()) {
        (Some(0), _) => "Runtime exited without providing a reason".to_owned(),
        (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
        (None, Some(signal)) => format!("Runtime exited with error: signal: {}", signal_name(signal)),
        (None, None) => "Runtime exited with error".to_owned(),
    };
    FunctionError::of_platform(cause, "Runtime.ExitError", format!("RequestId: {request_id} Error: {how}"))
}

/// A signal's name, as Lambda writes it.
fn signal_name(signal: i32) -> String {
    match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        11 => "segmentation fault",
        13 => "broken pipe",
        15 => "terminated",
        other => return format!("signal {other}"),
    }
    .to_owned()
}
