//! The figures that the system has of a process, and the signals that it can be sent.

use std::{collections::HashSet, fs, net::SocketAddr};

use nix::{
    sys::{
        resource::{Resource, getrlimit, setrlimit},
        signal::{Signal, kill},
    },
    unistd::Pid,
};

use crate::attack::Stop;

/// States of a socket in which its owner still holds the connection: established, closing with bytes that nobody
/// takes, and closed by the other side alone.
const HELD: [&str; 3] = ["01", "04", "08"];

/// Raises the limit of open files of this process, and of those it starts, as far as it may.
pub(crate) fn allow_many_files() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Where it stays as it was, the attacks that need more say that sockets are missing.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}

pub(crate) fn send(process: u32, signal: Signal) -> Result<(), Stop> {
    kill(Pid::from_raw(i32::try_from(process)?), signal)?;
    Ok(())
}

/// The greatest memory that a process has had, in MiB.
pub(crate) fn peak_mib(process: u32) -> Option<f64> {
    status(process, "VmHWM:").map(mib)
}

/// The memory that a process has now, in MiB.
pub(crate) fn memory_mib(process: u32) -> Option<f64> {
    status(process, "VmRSS:").map(mib)
}

pub(crate) fn threads(process: u32) -> Option<u64> {
    status(process, "Threads:")
}

/// Connections to an address that its owner holds, of a range of source addresses.
pub(crate) fn held_connections(to: SocketAddr, is_source: impl Fn([u8; 4]) -> bool) -> usize {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let is_held = |line: &&str| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, remote, state) = (fields.next(), fields.next(), fields.next());
        let port = local.and_then(endpoint).map(|(_, port)| port);
        let source = remote.and_then(endpoint).map(|(address, _)| address);
        port == Some(to.port())
            && source.is_some_and(&is_source)
            && state.is_some_and(|state| HELD.contains(&state))
    };
    table.lines().skip(1).filter(is_held).count()
}

/// A process and all that it has started, itself first.
pub(crate) fn family(process: u32) -> Vec<u32> {
    let mut found = vec![process];
    let mut known = HashSet::from([process]);
    while let Some(children) = children_of(&known).filter(|children| !children.is_empty()) {
        known.extend(&children);
        found.extend(children);
    }
    found
}

fn children_of(known: &HashSet<u32>) -> Option<Vec<u32>> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let parent = status(process, "PPid:").and_then(|parent| u32::try_from(parent).ok());
        if !known.contains(&process) && parent.is_some_and(|parent| known.contains(&parent)) {
            children.push(process);
        }
    }
    Some(children)
}

fn status(process: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn mib(kib: u64) -> f64 {
    u32::try_from(kib / 1024).map_or(f64::INFINITY, f64::from)
}

/// Reads an address of the system's table: the bytes of the address as a number of this machine, then the port.
fn endpoint(text: &str) -> Option<([u8; 4], u16)> {
    let (address, port) = text.split_once(':')?;
    let address = u32::from_str_radix(address, 16).ok()?;
    Some((address.to_ne_bytes(), u16::from_str_radix(port, 16).ok()?))
}
