//! Checks whether ports are free, finds free ones, and finds the process that holds a port.

use std::{
    collections::BTreeSet,
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    ops::Range,
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::Context as _;
use rand::RngExt as _;

use crate::failure::failure;

/// Whether the port is free on 127.0.0.1. Both checks are needed: a listener on all addresses can be connected to, but
/// does not always prevent binding; a socket that is bound without listening prevents only binding.
pub(crate) fn is_free(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err()
        && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Fails if the port is in use. The error names the process that holds it, if the system reveals it, and `flag`, which
/// selects another port.
pub(crate) fn require_free(port: u16, wanted_by: &str, flag: &str) -> anyhow::Result<()> {
    if is_free(port) {
        return Ok(());
    }
    let holder = holder(port).unwrap_or_else(|| "another process".to_owned());
    Err(failure(
        format!("port {port}, which {wanted_by} needs, is in use by {holder}"),
        format!("stop that process, or choose another port with {flag} PORT"),
    ))
}

/// Range of the ports that are picked. It is below the ephemeral ports of Linux and macOS: otherwise an outgoing
/// connection could take the port before the part listens, or between a kill and the next start.
const STACK_PORTS: Range<u16> = 20_000..32_000;

/// Returns a random port that is free now. Never returns the same port twice in one process, because the port of the
/// first call may not be in use yet. Fails if 1,000 random ports are all taken.
pub(crate) fn any_free() -> anyhow::Result<u16> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut random = rand::rng();
    let port = std::iter::repeat_with(|| random.random_range(STACK_PORTS))
        .take(1_000)
        .find(|port| !given.contains(port) && is_free(*port))
        .context("no free port")?;
    given.insert(port);
    Ok(port)
}

/// The process that listens on a port, as `name (process id)`. `None` if it cannot be found, for example because it
/// belongs to another user.
fn holder(port: u16) -> Option<String> {
    let pid = pid_from_proc(port).or_else(|| pid_from_lsof(port))?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    Some(match name {
        Some(name) => format!("{} (process {pid})", name.trim()),
        None => format!("process {pid}"),
    })
}

/// Linux: finds the inode of the listening socket in `/proc/net`, then the process that has this socket open.
fn pid_from_proc(port: u16) -> Option<u32> {
    let wanted = format!(":{port:04X}");
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        let text = fs::read_to_string(table).ok()?;
        text.lines().skip(1).find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let listening = fields.get(3) == Some(&"0A");
            (listening && fields.get(1)?.ends_with(&wanted))
                .then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
        })
    })?;
    let socket = format!("socket:[{inode}]");
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let open = fs::read_dir(entry.path().join("fd")).ok()?;
        open.flatten()
            .any(|fd| fs::read_link(fd.path()).is_ok_and(|target| target.as_os_str() == socket.as_str()))
            .then_some(pid)
    })
}

/// Other systems: asks lsof.
fn pid_from_lsof(port: u16) -> Option<u32> {
    let output =
        Command::new("lsof").args(["-nP", "-t", "-sTCP:LISTEN", &format!("-iTCP:{port}")]).output().ok()?;
    String::from_utf8_lossy(&output.stdout).lines().next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_refused_with_its_holder_and_the_flag() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let text = crate::failure::describe(&require_free(port, "Kafka", "--kafka-port").unwrap_err());
        assert!(text.contains(&port.to_string()) && text.contains("--kafka-port"), "{text}");
        #[cfg(target_os = "linux")]
        assert!(text.contains(&std::process::id().to_string()), "{text}");
    }

    #[test]
    fn the_parts_of_a_stack_get_different_ports_that_no_outgoing_connection_is_given() {
        let ports: BTreeSet<u16> = (0..50).map(|_| any_free().unwrap()).collect();
        assert_eq!(ports.len(), 50);
        assert!(ports.iter().all(|port| STACK_PORTS.contains(port)));
    }
}
