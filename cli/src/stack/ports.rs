//! Ports: whether one is free, and who holds it when it is not.

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

/// Whether nothing listens on the loopback port.
pub(crate) fn is_free(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err()
        && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Refuses a port that somebody else holds.
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

/// Below the ports that Linux and macOS give to outgoing connections: one of those could take the port before its part
/// listens, or between a kill and the next start.
const STACK_PORTS: Range<u16> = 20_000..32_000;

/// A port that is free now, and that this process was not given before.
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

/// Who listens on a port, as `name (process id)`, where the system tells us.
fn holder(port: u16) -> Option<String> {
    let pid = pid_from_proc(port).or_else(|| pid_from_lsof(port))?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    Some(match name {
        Some(name) => format!("{} (process {pid})", name.trim()),
        None => format!("process {pid}"),
    })
}

/// Linux: the listening socket's inode, then the process that has it open.
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

/// Elsewhere: what lsof says.
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
