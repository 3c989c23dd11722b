//! Processes that outlive this command: started detached, recognised again, stopped in order, never mistaken.
//!
//! A process id alone proves nothing (ids are used again), so each part's record also holds when the process started;
//! only a process that matches both is ours to signal.

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

/// A process that runs, or ran.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProcessRecord {
    pub(crate) pid: i32,
    /// When the process started, in the system's own terms.
    pub(crate) started: String,
    pub(crate) port: u16,
    pub(crate) version: String,
}

/// One part of the stack, by its name.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    record: PathBuf,
    command: PathBuf,
    /// Where its output goes.
    pub(crate) log: PathBuf,
}

/// How a part is started.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(String, OsString)>,
    /// Start from an empty environment.
    pub(crate) clean_env: bool,
    pub(crate) dir: PathBuf,
    /// Run as this user and group (only root may).
    pub(crate) user: Option<(u32, u32)>,
    pub(crate) port: u16,
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

    /// Its record, if the recorded process still runs.
    pub(crate) fn running(&self) -> Option<ProcessRecord> {
        let record: ProcessRecord = serde_json::from_slice(&fs::read(&self.record).ok()?).ok()?;
        (identity(record.pid).as_deref() == Some(record.started.as_str())).then_some(record)
    }

    /// Starts it in a session of its own.
    ///
    /// This command calls itself as `headwater detach`, which becomes the leader of a new session, writes the record
    /// and then turns into the program: no moment exists at which the part runs without a record.
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

    /// Waits until `answer` gives something; says why when it never does. `name` is what people call the part.
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

    /// Asks it to end, waits, and kills it with its children after the deadline. True when it ended by itself.
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

    /// The end of its log, indented, without stack traces.
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

/// Polls until the condition holds; false when the time is over.
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

/// What tells a process from a later one with the same id; `None` when it does not run (a zombie does not).
pub(crate) fn identity(pid: i32) -> Option<String> {
    if Path::new("/proc/self/stat").exists() {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything; the fields after it do not.
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
