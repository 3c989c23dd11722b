//! A function's process. It leads its own process group, so its children are stopped and ended with it.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};

use crate::watchdog;

/// The number of attempts to start a program whose file is still open for writing.
const BUSY_TRIES: u32 = 50;

/// A running process. Its process group is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    /// The process that was started. It is killed when this is dropped.
    child: Child,
    /// Its process group, which has the same id.
    group: Pid,
    /// Whether the end of the process was noticed.
    ended: bool,
    /// Whether the group got SIGSTOP and no SIGCONT since.
    stopped: bool,
}

impl Process {
    /// Starts the program. Also returns its output: standard output and standard error in one stream.
    ///
    /// It gets only `variables`, no input, and `folder` as its working directory. Fails with the error of the operating
    /// system, for example `NotFound` if there is no program.
    pub(crate) async fn start(
        program: &Path,
        folder: &Path,
        variables: &[(String, OsString)],
    ) -> io::Result<(Self, Receiver)> {
        let mut tries = 0;
        loop {
            let (output, input) = io::pipe()?;
            let mut command = Command::new(program);
            command
                .current_dir(folder)
                .env_clear()
                .envs(variables.iter().map(|(name, value)| (name, value)))
                .stdin(Stdio::null())
                .stdout(input.try_clone()?)
                .stderr(input)
                .process_group(0)
                .kill_on_drop(true);
            match command.spawn() {
                Ok(child) => {
                    // Close our copies of the pipe's writing end. Otherwise the reader would never see the end of the
                    // output.
                    drop(command);
                    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
                    let group = id.ok_or_else(|| io::Error::other("the process has no id"))?;
                    watchdog::watch(group.as_raw_nonzero().get());
                    let process = Self { child, group, ended: false, stopped: false };
                    return Ok((process, Receiver::from_owned_fd(OwnedFd::from(output))?));
                }
                // The file is busy: another thread is just starting a process, and that process has inherited the open
                // file until it executes its own program.
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < BUSY_TRIES => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The id of the process, as in `/proc`.
    pub(crate) fn id(&self) -> i32 {
        self.group.as_raw_nonzero().get()
    }

    /// Whether the process has ended or is ending. A killed process cannot be reaped before its last thread has ended,
    /// but it must not get an event meanwhile.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.ended |= !matches!(self.child.try_wait(), Ok(None)) || is_zombie(self.id());
        self.ended
    }

    /// Waits for the end of the process and kills the rest of its group.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.ended = true;
        self.signal(Signal::KILL);
        status
    }

    /// Stops the process group (SIGSTOP), so that it gets no processor time.
    pub(crate) fn freeze(&mut self) {
        self.signal(Signal::STOP);
        self.stopped = true;
    }

    /// Continues the stopped process group (SIGCONT).
    pub(crate) fn thaw(&mut self) {
        if std::mem::take(&mut self.stopped) {
            self.signal(Signal::CONT);
        }
    }

    /// Kills the process group and waits for the end of the process.
    pub(crate) async fn kill(&mut self) {
        self.signal(Signal::KILL);
        if let Err(error) = self.wait().await {
            tracing::warn!(%error, "cannot wait for a function's process");
        }
    }

    /// Sends SIGTERM, and SIGKILL if the process has not ended after `grace`.
    pub(crate) async fn end(&mut self, grace: Duration) {
        if !self.has_ended() {
            // Continue the process first: a stopped process may handle the signal in any thread, a running one handles
            // it in its main thread.
            self.thaw();
            self.signal(Signal::TERM);
            let _ = tokio::time::timeout(grace, self.child.wait()).await;
        }
        self.kill().await;
    }

    /// Sends a signal to all processes of the group.
    fn signal(&self, signal: Signal) {
        // An error means that the group has no processes left.
        let _ = kill_process_group(self.group, signal);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        watchdog::release(self.group.as_raw_nonzero().get());
    }
}

/// Whether the process's first thread has ended. Always `false` on systems other than Linux.
fn is_zombie(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, fields)| matches!(fields.trim_start().chars().next(), Some('Z' | 'X')))
}
