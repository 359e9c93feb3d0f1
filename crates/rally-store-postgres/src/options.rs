use std::time::Duration;

/// How a store uses its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Connections at most. All servers together must stay below the database's own limit.
    pub connections: usize,
    /// How long a call waits for a free connection, for its turn among the writers of its tenant in this process, and
    /// in the database for those of others: each of the three at most so long. Then it is unavailable.
    pub wait: Duration,
    /// How long a connection may take until it is ready for use, greetings included.
    pub connect: Duration,
    /// How long the database may take to answer one journey. Then the connection is given up.
    pub answer: Duration,
    /// How long a write whose connection was lost at the commit tries to find out what became of it.
    pub find_out: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 16,
            wait: Duration::from_secs(10),
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(30),
            find_out: Duration::from_secs(30),
        }
    }
}
