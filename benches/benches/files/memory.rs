use std::fs;

/// Lets the greatest memory of the process so far be what it has now.
pub(crate) fn forget_peak() {
    // Where it cannot be reset, the peak is that since the beginning, which is more.
    drop(fs::write("/proc/self/clear_refs", "5"));
}

/// The memory of the process now, in KiB.
pub(crate) fn now() -> u64 {
    status("VmRSS:")
}

/// The greatest memory of the process since its peak was forgotten, in KiB.
pub(crate) fn peak() -> u64 {
    status("VmHWM:")
}

fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a process has a status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of the status");
    line.trim().trim_end_matches(" kB").parse().expect("a number of kB")
}
