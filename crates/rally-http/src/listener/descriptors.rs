use std::io;

/// Descriptors that connections leave to files, to the store and to whatever else the process has open.
const KEPT_BACK: u64 = 256;

/// Raises the number of descriptors that this process may have open as far as it may raise it, and returns it. Meant for
/// the start of a program; [`serve`](crate::serve) itself only goes by the number that there is.
///
/// # Errors
/// An I/O error if the system refuses.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    rlimit::increase_nofile_limit(u64::MAX)
}

/// The connections that there may be: those wanted, or as many as there are descriptors for.
pub(crate) fn affordable(wanted: usize) -> usize {
    match descriptors() {
        Some(most) => usize::try_from(left_of(most)).map_or(wanted, |left| left.min(wanted)),
        None => wanted,
    }
}

/// The descriptors that are left to connections; half of them where there are few.
fn left_of(most: u64) -> u64 {
    (most - most.min(KEPT_BACK)).max(most / 2)
}

#[cfg(unix)]
fn descriptors() -> Option<u64> {
    let most = rlimit::Resource::NOFILE.get_soft();
    most.inspect_err(|error| tracing::warn!(%error, "the limit of descriptors is not known")).ok()
}

#[cfg(not(unix))]
fn descriptors() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_stay_below_the_descriptors() {
        for (most, left) in [(0, 0), (64, 32), (256, 128), (1_024, 768), (1 << 20, (1 << 20) - 256)] {
            assert_eq!(left_of(most), left, "{most}");
        }
        assert_eq!(affordable(1), 1);
        assert!(affordable(usize::MAX) < usize::MAX);
    }
}
