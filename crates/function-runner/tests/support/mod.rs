//! A function whose behaviour is selected by its event.

mod waiting;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use function_runner::{Code, Function, FunctionError, LogLine, LogSink, Outcome, Runner, RunnerSettings};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use waiting::until;

/// A function in its own folder.
pub(crate) struct Lab {
    pub(crate) folder: TempDir,
    pub(crate) function: Function,
    pub(crate) settings: RunnerSettings,
    pub(crate) logs: Arc<Kept>,
}

/// A log sink that keeps all lines.
#[derive(Default)]
pub(crate) struct Kept(Mutex<Vec<LogLine>>);

impl LogSink for Kept {
    fn write(&self, line: LogLine) {
        self.0.lock().unwrap().push(line);
    }
}

impl Kept {
    pub(crate) fn lines(&self) -> Vec<LogLine> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.lines().into_iter().map(|line| line.text).collect()
    }

    /// Waits until a line contains `what`.
    pub(crate) async fn told(&self, what: &str) {
        until(what, async || self.texts().iter().any(|text| text.contains(what))).await;
    }
}

impl Lab {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let code = folder.path().join("code");
        std::fs::create_dir(&code).unwrap();
        write_program(
            &code.join("bootstrap"),
            concat!(include_str!("runtime.py"), include_str!("bootstrap.py")),
        );
        let mut function = Function::new("lab", Code::in_folder(&code));
        function.timeout = Duration::from_secs(30);
        let settings = RunnerSettings { scratch: folder.path().join("scratch"), ..RunnerSettings::default() };
        Self { folder, function, settings, logs: Arc::default() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.function.environment.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn runner(&self) -> Runner {
        Runner::new(self.function.clone(), self.settings.clone(), Arc::clone(&self.logs) as _)
    }
}

pub(crate) fn write_program(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

pub(crate) async fn outcome(runner: &Runner, event: Value) -> Outcome {
    runner.invoke(event.to_string()).await
}

/// The answer to an event.
pub(crate) async fn answer(runner: &Runner, event: Value) -> Value {
    match outcome(runner, event).await {
        Outcome::Answer(answer) => serde_json::from_slice(&answer).unwrap(),
        other => panic!("no answer but {other:?}"),
    }
}

/// The function's error.
pub(crate) async fn error(runner: &Runner, event: Value) -> FunctionError {
    match outcome(runner, event).await {
        Outcome::Failed(error) => error,
        other => panic!("no error but {other:?}"),
    }
}

/// The id of the process that answers, and the number of its events.
pub(crate) async fn who(runner: &Runner) -> (i32, u64) {
    let answer = answer(runner, json!({})).await;
    (i32::try_from(answer["pid"].as_i64().unwrap()).unwrap(), answer["invocations"].as_u64().unwrap())
}

/// Whether a process runs; a zombie does not count.
pub(crate) fn runs(pid: i32) -> bool {
    state(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// A process's state, as `/proc` names it.
fn state(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// Waits until an idle process is stopped. Then the next event goes to it and not to a new process, even on a slow
/// machine.
pub(crate) async fn at_rest(pid: i32) {
    until("the process is stopped", async || state(pid) == Some('T')).await;
}

pub(crate) async fn gone(pid: i32) {
    until("the process is gone", async || !runs(pid)).await;
}
