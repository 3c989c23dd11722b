//! Measures the memory of a function's processes.

use std::fs;
use std::time::Duration;

/// The interval between two measurements during an invocation.
pub(crate) const EVERY: Duration = Duration::from_millis(25);

/// The current memory of a process and its descendants, in bytes; `None` if it cannot be measured.
///
/// Pages that several processes share count once for each of them, so the sum may exceed the real use.
pub(crate) fn now(pid: i32) -> Option<u64> {
    let mut total = resident(pid)?;
    for child in children(pid) {
        total += now(child).unwrap_or(0);
    }
    Some(total)
}

/// The peak memory of the process without its descendants, in bytes. The kernel counts it, so no peak between two
/// measurements is missed.
pub(crate) fn peak(pid: i32) -> Option<u64> {
    field(pid, "VmHWM:")
}

/// The current memory of one process, in bytes.
fn resident(pid: i32) -> Option<u64> {
    field(pid, "VmRSS:")
}

/// A memory field of the process's status, in bytes. `None` for an ended process, which has no such field.
fn field(pid: i32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

/// The children of a process. Linux lists them per thread that started them.
fn children(pid: i32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<i32>>())
        .collect()
}
