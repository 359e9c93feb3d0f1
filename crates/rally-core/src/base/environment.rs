use std::{
    fmt::Debug,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{Timestamp, invariant};

/// Tells the time. The engine has no other source of it.
pub trait Clock: Debug + Send + Sync {
    /// The present instant. It may stand still or step back; the engine keeps its own order.
    fn now(&self) -> Timestamp;
}

/// Gives random bytes, fit for secrets. The engine has no other source of them.
pub trait Entropy: Debug + Send + Sync {
    /// Fills the whole slice.
    fn fill(&self, bytes: &mut [u8]);
}

/// The inputs of an engine besides its store: time and randomness.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The engine's clock.
    pub clock: Arc<dyn Clock>,
    /// The engine's randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Environment {
    /// The clock and the random numbers of the operating system.
    #[must_use]
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) }
    }
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // Not by a date, which a request would compute several times for nothing.
        let micros = |duration: Duration| {
            invariant(i64::try_from(duration.as_micros()).ok(), "no clock is 292,000 years from 1970")
        };
        Timestamp::from_micros(match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => micros(since),
            Err(error) => -micros(error.duration()),
        })
    }
}

/// The operating system's random numbers.
#[derive(Clone, Copy, Debug)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::expect_used,
        reason = "no answer can be trusted on a machine that has no random numbers"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}
