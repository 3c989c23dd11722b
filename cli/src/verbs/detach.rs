//! `headwater detach` (hidden): becomes another program in a session of its own, after writing its record.

use std::{ffi::OsString, fs, os::unix::process::CommandExt as _, path::PathBuf, process::Command};

use anyhow::Context as _;
use clap::Args;

use crate::stack::process::{ProcessRecord, identity};

/// Arguments of `headwater detach`.
#[derive(Debug, Args)]
pub(crate) struct Detach {
    #[arg(long)]
    record: PathBuf,
    #[arg(long)]
    port: u16,
    #[arg(long, default_value = "")]
    version: String,
    #[arg(long)]
    uid: Option<u32>,
    #[arg(long)]
    gid: Option<u32>,
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Does not return when it works.
pub(crate) fn run(args: &Detach) -> anyhow::Result<()> {
    rustix::process::setsid().context("cannot start a session")?;
    let pid = i32::try_from(std::process::id()).context("a process id beyond 31 bits")?;
    let started = identity(pid).context("cannot tell when this process started")?;
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
