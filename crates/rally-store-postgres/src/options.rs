use std::time::Duration;

use rally_core::store::GroupOptions;

/// The limits within which a store uses its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The most connections. All servers together must stay below the database's own limit.
    pub connections: usize,
    /// The longest that a call waits for a free connection, for its turn among the writers of its tenant in this
    /// process, and in the database for those of others; each of the three has its own limit. Then the call is
    /// `Unavailable`.
    pub wait: Duration,
    /// The longest that a connection may take until it is ready for use, with the handshake.
    pub connect: Duration,
    /// The longest that the database may take to answer one round trip. Then the connection is given up.
    pub answer: Duration,
    /// The longest that a lost commit's outcome is looked for.
    pub find_out: Duration,
    /// The age at which writes of a tenant that share a commit are committed, though others wait that could share it as
    /// well.
    pub group_time: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 16,
            wait: Duration::from_secs(10),
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(30),
            find_out: Duration::from_secs(30),
            group_time: GroupOptions::TIME,
        }
    }
}
