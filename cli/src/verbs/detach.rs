//! `headwater detach` (hidden): starts a part of the local stack as a background process.
//!
//! `Part::start` runs this command. It becomes the leader of a new session, writes the record of its process, and then
//! replaces itself with the part's program (`exec`). The process id stays the same, so a running part always has a
//! record.

use std::{ffi::OsString, fs, os::unix::process::CommandExt as _, path::PathBuf, process::Command};

use anyhow::Context as _;
use clap::Args;

use crate::stack::process::{ProcessRecord, identity};

/// Arguments of `headwater detach`.
#[derive(Debug, Args)]
pub(crate) struct Detach {
    /// File for the record of the process
    #[arg(long)]
    record: PathBuf,
    /// Port that the program listens on; it is only recorded
    #[arg(long)]
    port: u16,
    /// Version of the program; it is only recorded
    #[arg(long, default_value = "")]
    version: String,
    /// User id that the program runs as; only root may set it
    #[arg(long)]
    uid: Option<u32>,
    /// Group id that the program runs as; only root may set it
    #[arg(long)]
    gid: Option<u32>,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Writes the record and replaces this process with the program. Returns only on an error.
///
/// The record is written to a draft file that is then renamed, because [`Part::running`] may read it at any time.
///
/// # Errors
/// The record cannot be written, or the program cannot be run.
///
/// [`Part::running`]: crate::stack::process::Part::running
pub(crate) fn run(args: &Detach) -> anyhow::Result<()> {
    rustix::process::setsid().context("cannot start a session")?;
    let pid = i32::try_from(std::process::id()).context("the process id has more than 31 bits")?;
    let started = identity(pid).context("cannot read the start time of this process")?;
    let record = ProcessRecord { pid, started, port: args.port, version: args.version.clone() };
    let draft = args.record.with_extension("new");
    fs::write(&draft, serde_json::to_vec(&record)?)
        .and_then(|()| fs::rename(&draft, &args.record))
        .with_context(|| format!("cannot write {}", args.record.display()))?;
    let (program, rest) = args.command.split_first().context("no program given")?;
    let mut command = Command::new(program);
    command.args(rest);
    if let Some(gid) = args.gid {
        command.gid(gid);
    }
    if let Some(uid) = args.uid {
        command.uid(uid);
    }
    Err(command.exec()).with_context(|| format!("cannot run {}", program.display()))
}
