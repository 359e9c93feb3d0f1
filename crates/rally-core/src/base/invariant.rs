//! Invariants, each with its reason: the one place where the core panics.

/// The value that is always there, for a reason.
///
/// # Panics
/// Panics if the value is missing: the reason does not hold, which is a bug.
#[expect(clippy::expect_used, reason = "a broken invariant must not be taken for an empty value")]
#[track_caller]
pub(crate) fn invariant<T>(value: Option<T>, reason: &str) -> T {
    value.expect(reason)
}

/// The number of things in memory as a `u64`, the type that is stored and answered.
pub(crate) fn count(things: usize) -> u64 {
    invariant(u64::try_from(things).ok(), "memory has at most 2^64 places")
}

/// A number of entries to pass over or to take, as far as memory could hold them.
pub(crate) fn clamp(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
