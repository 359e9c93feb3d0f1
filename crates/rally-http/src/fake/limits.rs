//! Every bound of a fake beyond those of a server.

/// Snapshots of a tenant.
pub(super) const SNAPSHOTS: usize = 100;
/// Tokens of logins whose ends are remembered.
pub(super) const TOKENS: usize = 10_000;
/// Bytes of the body of a request to the control plane, but for a file of the import.
pub(super) const CONTROL_BODY_BYTES: usize = 16 << 20;
/// Entries that moving a clock answers; those beyond are counted.
pub(super) const RAN_ENTRIES: usize = 10_000;
