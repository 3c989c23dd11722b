//! Ends the functions' processes when the process that owns them dies, however it dies.
//!
//! A shell holds a pipe from this process and knows the process groups. When the pipe closes, it kills them. The
//! alternatives need `unsafe` code or are Linux only (PDEATHSIG, which besides ends a child with the *thread* that
//! started it, and never reaches grandchildren).

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Reads lines `+GROUP` and `-GROUP`; at the end of its input it kills all groups that were not taken off.
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

static WATCHDOG: OnceLock<Mutex<Option<ChildStdin>>> = OnceLock::new();

/// The group is killed if this process dies before [`release`].
pub(crate) fn watch(group: i32) {
    tell(&format!("+{group}\n"));
}

/// The group has ended.
pub(crate) fn release(group: i32) {
    tell(&format!("-{group}\n"));
}

fn tell(line: &str) {
    let watchdog = WATCHDOG.get_or_init(|| Mutex::new(start()));
    let mut pipe = watchdog.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(open) = pipe.as_mut()
        && let Err(error) = open.write_all(line.as_bytes())
    {
        tracing::warn!(%error, "the watchdog is gone: functions may outlive this process if it is killed");
        *pipe = None;
    }
}

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
