//! The memory of the machine, by which the default of the cache goes.

/// The cache where nothing is known of the machine.
const UNKNOWN: u64 = 256 << 20;
/// The least that a cache is worth having for.
const LEAST: u64 = 64 << 20;

/// The bytes of a cache that takes a quarter of the memory that this process may have.
pub(crate) fn cache_bytes() -> usize {
    let bytes = memory_bytes().map_or(UNKNOWN, |memory| (memory / 4).max(LEAST));
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// The memory of the machine, or that of the container, which is less.
#[cfg(target_os = "linux")]
fn memory_bytes() -> Option<u64> {
    let info = rustix::system::sysinfo();
    let machine = info.totalram.checked_mul(u64::from(info.mem_unit))?;
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limits = limits.into_iter().filter_map(|file| std::fs::read_to_string(file).ok());
    limits.filter_map(|text| text.trim().parse().ok()).chain([machine]).min()
}

#[cfg(not(target_os = "linux"))]
fn memory_bytes() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_a_part_of_the_memory() {
        let memory = memory_bytes().unwrap_or(UNKNOWN * 4);
        let cache = u64::try_from(cache_bytes()).unwrap();
        assert!(cache >= LEAST && (cache == LEAST || cache <= memory / 4), "{cache} of {memory}");
    }
}
