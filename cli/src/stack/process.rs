//! Starts, recognises and stops the processes of a stack, which outlive this command.
//!
//! The system reuses process ids, so an id alone does not identify a process. The record of each part therefore also
//! holds the start time of its process. A signal is sent only if both match.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::{Deserialize, Serialize};

use super::layout::Layout;
use crate::failure::failure;

/// Record of a process that runs or ran: `run/NAME.json` in the data folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProcessRecord {
    pub(crate) pid: i32,
    /// When the process started, as [`identity`] gives it.
    pub(crate) started: String,
    /// Port that the part listens on.
    pub(crate) port: u16,
    /// Version of the part, for `headwater status`.
    pub(crate) version: String,
}

/// One part of the stack, such as `kafka` or `bridge`. The value says nothing about whether it runs.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// File of the [`ProcessRecord`].
    record: PathBuf,
    /// This command, which starts the part (see [`Part::start`]).
    command: PathBuf,
    /// File that the part's standard output and standard error are appended to.
    pub(crate) log: PathBuf,
}

/// Program and environment of a part.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    /// Environment variables that are added to the shell's, or to an empty environment with `clean_env`.
    pub(crate) env: Vec<(String, OsString)>,
    /// Start with an empty environment, so that the shell's settings cannot change the part.
    pub(crate) clean_env: bool,
    /// Working directory.
    pub(crate) dir: PathBuf,
    /// User id and group id that the part runs as. Only root may set them.
    pub(crate) user: Option<(u32, u32)>,
    /// Port that the part listens on. It is only recorded: the program gets it by `args`, `env` or a file.
    pub(crate) port: u16,
    /// Version of the part. It is only recorded, too.
    pub(crate) version: String,
}

impl Part {
    pub(crate) fn new(layout: &Layout, name: &'static str) -> Self {
        Self {
            name,
            record: layout.run().join(format!("{name}.json")),
            command: layout.command.clone(),
            log: layout.logs().join(format!("{name}.log")),
        }
    }

    /// The part's record if the recorded process still runs. `None` if it ended, or if another process has its id now.
    pub(crate) fn running(&self) -> Option<ProcessRecord> {
        let record: ProcessRecord = serde_json::from_slice(&fs::read(&self.record).ok()?).ok()?;
        (identity(record.pid).as_deref() == Some(record.started.as_str())).then_some(record)
    }

    /// Starts the part in a new session, so that it survives the end of this command and of the terminal.
    ///
    /// This command runs itself as `headwater detach`. That process becomes the leader of a new session, writes the
    /// record and then replaces itself with the program (`exec`). So the part never runs without a record.
    ///
    /// Returns when the record is written; [`Part::wait_ready`] waits until the part answers.
    pub(crate) fn start(&self, launch: &Launch) -> anyhow::Result<()> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("cannot write {}", self.log.display()))?;
        let mut command = Command::new(&self.command);
        if launch.clean_env {
            command.env_clear();
        }
        command.arg("detach").arg("--record").arg(&self.record);
        command.args(["--port", &launch.port.to_string(), "--version", &launch.version]);
        if let Some((uid, gid)) = launch.user {
            command.args(["--uid", &uid.to_string(), "--gid", &gid.to_string()]);
        }
        command
            .arg("--")
            .arg(&launch.program)
            .args(&launch.args)
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&launch.dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("cannot share the log file")?)
            .stderr(log);
        let _ = fs::remove_file(&self.record);
        let mut child = command.spawn().with_context(|| format!("cannot start {}", self.name))?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.record.exists() {
            if let Some(status) = child.try_wait()? {
                bail!("{} ended at once ({status}){}", self.name, self.last_words());
            }
            if Instant::now() > deadline {
                bail!("{} did not start within 10 s{}", self.name, self.last_words());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Polls `answer` every 50 ms until it returns a value, and returns that value. `name` is the part's name in
    /// errors.
    ///
    /// # Errors
    /// The process ended, or there is no answer after `patience`. The error quotes the end of the part's log.
    pub(crate) async fn wait_ready<T>(
        &self,
        name: &str,
        patience: Duration,
        mut answer: impl AsyncFnMut() -> Option<T>,
    ) -> anyhow::Result<T> {
        let deadline = Instant::now() + patience;
        loop {
            if self.running().is_none() {
                return Err(failure(
                    format!("{name} ended while it started{}", self.last_words()),
                    format!("see {}", self.log.display()),
                ));
            }
            if let Some(answer) = answer().await {
                return Ok(answer);
            }
            if Instant::now() > deadline {
                return Err(failure(
                    format!("{name} does not answer after {} s{}", patience.as_secs(), self.last_words()),
                    "run `headwater down`, then `headwater up` again",
                ));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends `signal` and waits. If the process still runs after `patience`, kills its process group. Returns `true` if
    /// it ended without the kill or did not run.
    ///
    /// # Errors
    /// The process still exists 10 s after the kill (for example because it waits for a disk).
    pub(crate) fn stop(&self, signal: Signal, patience: Duration) -> anyhow::Result<bool> {
        let Some(record) = self.running() else {
            let _ = fs::remove_file(&self.record);
            return Ok(true);
        };
        let Some(pid) = Pid::from_raw(record.pid) else { return Ok(true) };
        let _ = kill_process(pid, signal);
        let mut clean = wait_until(patience, || self.running().is_none());
        if !clean {
            let _ = kill_process_group(pid, Signal::KILL);
            if !wait_until(Duration::from_secs(10), || self.running().is_none()) {
                bail!("{} (process {}) does not end, not even when killed", self.name, record.pid);
            }
            clean = false;
        }
        let _ = fs::remove_file(&self.record);
        Ok(clean)
    }

    /// The last six lines of the log for an error message, each on its own line. Indented lines are left out: they are
    /// mostly stack traces. Empty if the log cannot be read.
    pub(crate) fn last_words(&self) -> String {
        let Ok(bytes) = fs::read(&self.log) else { return String::new() };
        let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(16 << 10)..]).into_owned();
        let mut lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .filter(|line| !line.starts_with(char::is_whitespace) && !line.starts_with("Traceback"))
            .collect();
        let lines = lines.split_off(lines.len().saturating_sub(6));
        if lines.is_empty() {
            return format!("; its log {} is empty", self.log.display());
        }
        format!("; the end of {}:\n  {}", self.log.display(), lines.join("\n  "))
    }
}

/// Polls every 20 ms until the condition holds. Returns `false` if it does not hold within `patience`.
pub(crate) fn wait_until(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Identifies a process beyond its id. Linux: the boot id and the start time in clock ticks since boot. Elsewhere: the
/// start time by `ps`. `None` if no such process runs; a zombie counts as ended.
pub(crate) fn identity(pid: i32) -> Option<String> {
    if Path::new("/proc/self/stat").exists() {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The process name in parentheses may contain spaces and parentheses. So the fields are counted from the last
        // one.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        let ticks_since_boot = fields.nth(18)?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        return (state != "Z" && state != "X").then(|| format!("{}/{ticks_since_boot}", boot.trim()));
    }
    let ps = Command::new("ps").args(["-o", "stat=,lstart=", "-p", &pid.to_string()]).output().ok()?;
    let text = String::from_utf8_lossy(&ps.stdout).trim().to_owned();
    let (state, started) = text.split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| started.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_another_process_with_the_same_id_is_not_ours() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::within(dir.path());
        layout.create().unwrap();
        let part = Part::new(&layout, "kafka");
        let pid = i32::try_from(std::process::id()).unwrap();
        let mut record =
            ProcessRecord { pid, started: identity(pid).unwrap(), port: 1, version: String::new() };
        fs::write(&part.record, serde_json::to_vec(&record).unwrap()).unwrap();
        assert!(part.running().is_some());
        record.started = "an earlier boot".into();
        fs::write(&part.record, serde_json::to_vec(&record).unwrap()).unwrap();
        assert!(part.running().is_none());
    }

    #[test]
    fn a_process_that_ended_has_no_identity() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        child.wait().unwrap();
        assert_eq!(identity(pid), None);
    }

    #[test]
    fn last_words_leave_stack_traces_out() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::within(dir.path());
        layout.create().unwrap();
        let part = Part::new(&layout, "kafka");
        fs::write(&part.log, "ERROR no space left\n\tat kafka.Log\n\tat kafka.Main\n").unwrap();
        let words = part.last_words();
        assert!(words.contains("no space left") && !words.contains("kafka.Main"), "{words}");
    }
}
