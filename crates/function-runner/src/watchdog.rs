//! Ends the functions' processes when the process that owns them ends, even if it is killed.
//!
//! A shell reads process groups from a pipe. When the pipe closes, because this process ended, the shell kills the
//! groups. Alternatives need `unsafe` code or exist only on Linux, like PDEATHSIG. PDEATHSIG also has other drawbacks:
//! it ends a child with the *thread* that started it, and it does not affect grandchildren.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Reads the lines `+GROUP` and `-GROUP`. At the end of its input, it kills all groups that were not removed.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
groups=' '
while read -r line; do
  group=${line#?}
  case $line in
    +*) groups="$groups$group " ;;
    -*) before=${groups%%" $group "*}; after=${groups#*" $group "}
        [ "$before" = "$groups" ] || groups="$before $after" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
"#;

/// The pipe to the shell. It is `None` if the shell could not be started or has ended.
static WATCHDOG: OnceLock<Mutex<Option<ChildStdin>>> = OnceLock::new();

/// Registers a group: it is killed if this process ends before [`release`].
pub(crate) fn watch(group: i32) {
    tell(&format!("+{group}\n"));
}

/// Removes a group that has ended.
pub(crate) fn release(group: i32) {
    tell(&format!("-{group}\n"));
}

/// Writes a line to the shell, and starts the shell before the first one.
fn tell(line: &str) {
    let watchdog = WATCHDOG.get_or_init(|| Mutex::new(start()));
    let mut pipe = watchdog.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(open) = pipe.as_mut()
        && let Err(error) = open.write_all(line.as_bytes())
    {
        tracing::warn!(%error, "the watchdog has ended: functions may outlive this process if it is killed");
        *pipe = None;
    }
}

/// Starts the shell in a process group of its own, so that Ctrl-C does not end it before this process.
fn start() -> Option<ChildStdin> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", SCRIPT]).env_clear().current_dir("/").process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        Ok(mut child) => child.stdin.take(),
        Err(error) => {
            tracing::warn!(%error, "no watchdog: functions may outlive this process if it is killed");
            None
        }
    }
}
