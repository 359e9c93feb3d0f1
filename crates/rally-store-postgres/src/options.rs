use std::time::Duration;

use rally_core::store::GroupOptions;

/// The limits within which a store uses its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The most connections, besides one that [`Store::ready`](rally_core::store::Store::ready) asks on. All servers
    /// together must stay below the database's own limit.
    pub connections: usize,
    /// Connections that are made when the store is opened, so that the first rush of calls need not wait for them; the others
    /// are made when they are needed first. At least one, and at most `connections`.
    pub connections_ahead: usize,
    /// The most connections that one tenant has at once, so that others find one; `None` is half of them. At least one.
    pub share: Option<usize>,
    /// The longest that a call waits for a free connection, for its turn among the writers of its tenant in this
    /// process, and in the database for those of others; each of the three has its own limit. Then the call is
    /// `Unavailable`.
    pub wait: Duration,
    /// The longest that a connection may take until it is ready for use, with the handshake.
    pub connect: Duration,
    /// The longest that the database may take to answer one round trip. Then the connection is given up.
    pub answer: Duration,
    /// The longest that the question for readiness takes, a new connection included.
    pub ready: Duration,
    /// The longest that a lost commit's outcome is looked for.
    pub find_out: Duration,
    /// The age at which writes of a tenant that share a commit are committed, though others wait that could share it as
    /// well.
    pub group_time: Duration,
    /// The longest that the database hears nothing of a server whose write keeps others of its tenant waiting. Then the
    /// write is ended, and run again if its server is still there. A server gives signs of life meanwhile.
    pub idle_write: Duration,
    /// The longest that the database lets a view be silent between two reads, and a server gives signs of life for a
    /// write that asks nothing. Then it is ended, too.
    pub idle_read: Duration,
    /// The longest that either end leaves the other one's silence on the network unquestioned, and that bytes which
    /// were sent stay unconfirmed. Then the connection is given up. `tcp_user_timeout` in the URL goes before it.
    pub silence: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 16,
            connections_ahead: 1,
            share: None,
            wait: Duration::from_secs(10),
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(30),
            ready: Duration::from_secs(2),
            find_out: Duration::from_secs(30),
            group_time: GroupOptions::TIME,
            idle_write: Duration::from_secs(5),
            idle_read: Duration::from_secs(60),
            silence: Duration::from_secs(5),
        }
    }
}

impl Options {
    pub(crate) fn places(&self) -> usize {
        self.connections.max(1)
    }

    pub(crate) fn places_ahead(&self) -> usize {
        self.connections_ahead.clamp(1, self.places())
    }

    pub(crate) fn share_of_places(&self) -> usize {
        self.share.unwrap_or(self.places() / 2).max(1)
    }
}
