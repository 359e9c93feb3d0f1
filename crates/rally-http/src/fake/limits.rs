//! Every bound of a fake beyond those of a server.

use std::time::Duration;

/// Snapshots of a tenant.
pub(super) const SNAPSHOTS: usize = 100;
/// Tokens of logins whose ends are remembered.
pub(super) const TOKENS: usize = 10_000;
/// Bytes of the body of a request to the control plane.
pub(super) const CONTROL_BODY_BYTES: usize = 64 << 20;
/// Entries that moving a clock answers; those beyond are counted.
pub(super) const RAN_ENTRIES: usize = 10_000;
/// Faults of a tenant that are armed.
pub(super) const FAULTS: usize = 1_000;
/// The longest delay of an answer.
pub(super) const DELAY: Duration = Duration::from_secs(60);
/// The longest pause between two pieces of an answer, which must be less than the time that its reader has.
pub(super) const PAUSE: Duration = Duration::from_secs(10);
/// Inboxes of a tenant.
pub(super) const INBOXES: usize = 100;
/// Characters of the name of an inbox.
pub(super) const INBOX_NAME: usize = 100;
/// Messages that an inbox keeps.
pub(super) const MESSAGES: usize = 1_000;
/// Bytes of messages that an inbox keeps.
pub(super) const MESSAGE_BYTES: usize = 16 << 20;
/// Bytes of a message that is no event.
pub(super) const PLAIN_MESSAGE_BYTES: usize = 1 << 20;
/// Answers of an inbox.
pub(super) const ANSWERS: usize = 1_000;
/// Messages that a wait which fails tells.
pub(super) const NEAR_MISSES: usize = 20;
/// The longest time that a wait is patient.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Requests of a tenant that are remembered.
pub(super) const REQUESTS: usize = 10_000;
/// Bytes of requests of a tenant that are remembered.
pub(super) const REQUEST_BYTES: usize = 8 << 20;
/// Bytes of the body of a request that are remembered.
pub(super) const REMEMBERED_BODY_BYTES: usize = 4 << 10;
/// Requests that one answer lists.
pub(super) const LISTED_REQUESTS: usize = 1_000;
