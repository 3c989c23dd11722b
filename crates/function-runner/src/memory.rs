//! How much memory the processes of a function hold.

use std::fs;
use std::time::Duration;

/// How often it is measured during an invocation.
pub(crate) const EVERY: Duration = Duration::from_millis(25);

/// The memory that a process and its descendants hold now, in bytes; `None` where it cannot be measured.
pub(crate) fn now(pid: i32) -> Option<u64> {
    let mut total = resident(pid)?;
    for child in children(pid) {
        total += now(child).unwrap_or(0);
    }
    Some(total)
}

/// The most that the process alone has ever held, in bytes. The kernel keeps count, so no peak between two measurements
/// is missed.
pub(crate) fn peak(pid: i32) -> Option<u64> {
    field(pid, "VmHWM:")
}

fn resident(pid: i32) -> Option<u64> {
    field(pid, "VmRSS:")
}

/// A field of the process's status in bytes. A process that has ended holds nothing, and has no such field.
fn field(pid: i32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

/// Children are listed with the thread that started them.
fn children(pid: i32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<i32>>())
        .collect()
}
