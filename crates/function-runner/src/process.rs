//! A function's process: the leader of a group of its own, so that what it starts is stopped and ended with it.

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

/// Tries to start a program that somebody still writes.
const BUSY_TRIES: u32 = 50;

/// Ends its group when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Pid,
    ended: bool,
    stopped: bool,
}

impl Process {
    /// Starts the program; also returns its output, standard and error in one.
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
                    // Our copies of the writing end must go, or the end of the output is never seen.
                    drop(command);
                    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
                    let group = id.ok_or_else(|| io::Error::other("the process has no id"))?;
                    watchdog::watch(group.as_raw_nonzero().get());
                    let process = Self { child, group, ended: false, stopped: false };
                    return Ok((process, Receiver::from_owned_fd(OwnedFd::from(output))?));
                }
                // A process that another thread is just starting has inherited the file that the code was unpacked to,
                // until it becomes its own program.
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < BUSY_TRIES => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn id(&self) -> i32 {
        self.group.as_raw_nonzero().get()
    }

    /// Whether it has ended, or is about to: a process that was killed cannot be waited for until the last of its
    /// threads is gone, and must not be given an event meanwhile.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.ended |= !matches!(self.child.try_wait(), Ok(None)) || is_zombie(self.id());
        self.ended
    }

    /// Waits for its end; kills what it leaves behind.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.ended = true;
        self.signal(Signal::KILL);
        status
    }

    /// Stops it: it gets no processor time any more.
    pub(crate) fn freeze(&mut self) {
        self.signal(Signal::STOP);
        self.stopped = true;
    }

    /// Lets it go on.
    pub(crate) fn thaw(&mut self) {
        if std::mem::take(&mut self.stopped) {
            self.signal(Signal::CONT);
        }
    }

    /// Kills it and all that it started, and waits for its end.
    pub(crate) async fn kill(&mut self) {
        self.signal(Signal::KILL);
        if let Err(error) = self.wait().await {
            tracing::warn!(%error, "cannot wait for a function's process");
        }
    }

    /// Asks it to end; kills it when it has not after `grace`.
    pub(crate) async fn end(&mut self, grace: Duration) {
        if !self.has_ended() {
            // A signal to a stopped process goes to whichever thread wakes first; to a running one, to the main thread.
            self.thaw();
            self.signal(Signal::TERM);
            let _ = tokio::time::timeout(grace, self.child.wait()).await;
        }
        self.kill().await;
    }

    fn signal(&self, signal: Signal) {
        // A group without processes cannot be signalled, and need not.
        let _ = kill_process_group(self.group, signal);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        watchdog::release(self.group.as_raw_nonzero().get());
    }
}

/// Whether a process's first thread has ended. Only Linux tells.
fn is_zombie(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, fields)| matches!(fields.trim_start().chars().next(), Some('Z' | 'X')))
}
