//! `headwater down`: stops the local stack, and with `--wipe` deletes its data.

use std::{fs, time::Duration};

use anyhow::Context as _;
use clap::Args;
use rustix::process::Signal;

use crate::{
    out,
    progress::Step,
    stack::{
        applied::Applied, bridge, emulator, forecast_api, kafka, layout::Layout, lock, postgres,
        process::Part, record::LocalStack,
    },
};

/// Arguments of `headwater down`.
#[derive(Debug, Args)]
#[command(after_help = "\
Use it when you have finished; the next `headwater up` continues with the same records and tables. LocalStack loses the
lake and the queues when it stops.

Each part gets a signal to stop and is killed if it does not stop in time. Parts that `up` did not start keep running.

Examples:
  headwater down
  headwater down --wipe                      also delete records, tables and lake")]
pub(crate) struct Down {
    /// Delete the stack's data too; downloaded tools stay
    #[arg(long)]
    wipe: bool,
}

/// Stops the bridge first, so that nothing is delivered while the other parts stop. Waits for the lock of the stack.
///
/// # Errors
/// A part does not end even after it was killed, or its data cannot be deleted.
pub(crate) fn run(layout: &Layout, args: &Down) -> anyhow::Result<()> {
    if !layout.data.exists() {
        out::note(format!("nothing to stop: {} does not exist", layout.data.display()));
        return Ok(());
    }
    let lock = lock::take(layout)?;
    bridge::stop(layout)?;
    stop_emulator(layout, args.wipe)?;
    let kafka = kafka::part(layout);
    let ran = kafka.running().is_some();
    if stop(&kafka, Signal::TERM, Duration::from_secs(30))? && ran {
        // Only a clean end writes the complete class archive, which makes later starts faster.
        kafka::keep_archive(layout);
    }
    stop(&forecast_api::part(layout), Signal::TERM, Duration::from_secs(5))?;
    // With SIGINT, Postgres ends open sessions. With SIGTERM, it would wait for them.
    stop(&postgres::part(layout), Signal::INT, Duration::from_secs(30))?;
    if args.wipe {
        wipe(layout)?;
    }
    drop(lock);
    Ok(())
}

/// Stops the emulator. If it can keep its state and ended cleanly, marks the saved state as complete, so that the next
/// `up` restores it and can skip Terraform. If it cannot keep its state, prints what is lost.
///
/// # Errors
/// The emulator does not end even after it was killed, or its files cannot be written.
fn stop_emulator(layout: &Layout, wipe: bool) -> anyhow::Result<()> {
    // `down` must work even if the record is damaged.
    let kind = LocalStack::load_if_any(layout).ok().flatten().unwrap_or_default().emulator;
    let part = emulator::part(layout);
    let holder = part.running().map(|record| record.started);
    let clean = stop(&part, Signal::TERM, Duration::from_secs(20))?;
    emulator::clean_up(layout)?;
    let Some(holder) = holder else { return Ok(()) };
    if !kind.keeps_state() && !wipe {
        out::note(format!(
            "{kind} keeps nothing: the lake and the queues are gone; run `headwater down --wipe` before the next `up`"
        ));
    }
    if kind.keeps_state() && clean {
        emulator::keep_state(layout)?;
        Applied::saved(layout, &holder)?;
    }
    Ok(())
}

/// Sends `signal` to the part and kills it after `patience`. Returns `false` if it was killed, and `true` if it ended
/// by itself or was not running. Prints a line only if the part was running.
fn stop(part: &Part, signal: Signal, patience: Duration) -> anyhow::Result<bool> {
    if part.running().is_none() {
        return part.stop(signal, patience);
    }
    let step = Step::begin(part.name, "stopping");
    let clean = part.stop(signal, patience)?;
    step.done(if clean { "stopped" } else { "killed: it did not end in time" });
    Ok(clean)
}

/// Deletes the files of the stack by name, because the data folder may contain other files too. All parts must have
/// ended.
///
/// # Errors
/// A file or folder cannot be deleted. Those before it in the list are deleted.
fn wipe(layout: &Layout) -> anyhow::Result<()> {
    const MADE: [&str; 14] = [
        "logs",
        "run",
        "artifacts",
        "terraform",
        "emulator",
        "kafka",
        "spark",
        "postgres",
        "postgres.new",
        "postgres.password",
        "stack.json",
        "bridge.json",
        // Lists the records that `verify` expects. They are deleted here, so `verify` would report them as lost.
        "fleet",
        "lock",
    ];
    for name in MADE {
        let path = layout.data.join(name);
        let deleted = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match deleted {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot delete {}", path.display()));
            }
            _ => {}
        }
    }
    postgres::wipe(layout)?;
    // `remove_dir` deletes the folder only if it is empty.
    let _ = fs::remove_dir(&layout.data);
    out::note(format!("deleted the data in {}", layout.data.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wipe_deletes_the_files_of_the_stack_and_no_others() {
        let parent = tempfile::tempdir().unwrap();
        let layout = Layout::within(&parent.path().join("data"));
        let make = || {
            layout.create().unwrap();
            for folder in [layout.fleet(), layout.functions(), layout.artifacts(), layout.terraform()] {
                fs::create_dir_all(folder.join("deeper")).unwrap();
            }
            for file in [layout.stack_file(), layout.bridge_status()] {
                fs::write(file, "{}").unwrap();
            }
        };
        make();
        wipe(&layout).unwrap();
        assert!(!layout.data.exists());
        make();
        fs::write(layout.data.join("notes.txt"), "not a file of the stack").unwrap();
        wipe(&layout).unwrap();
        let left: Vec<_> =
            fs::read_dir(&layout.data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["notes.txt"]);
    }
}
