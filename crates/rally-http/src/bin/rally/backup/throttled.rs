use std::{
    io::{self, Write},
    thread,
    time::{Duration, Instant},
};

/// Writes no more bytes a second than it may.
pub(super) struct Throttled<W> {
    out: W,
    bytes_per_second: u64,
    begun: Instant,
    written: u64,
}

impl<W> Throttled<W> {
    /// At most so many MiB a second; 0 for no limit.
    pub(super) fn new(out: W, rate: u32) -> Self {
        Self { out, bytes_per_second: u64::from(rate) << 20, begun: Instant::now(), written: 0 }
    }

    pub(super) fn into_inner(self) -> W {
        self.out
    }

    /// The time in which as much may be written as is; none without a limit.
    fn due(&self) -> Duration {
        let millis = self.written.saturating_mul(1_000).checked_div(self.bytes_per_second);
        Duration::from_millis(millis.unwrap_or_default())
    }

    /// Waits until as much may be written as is.
    fn wait(&self) {
        let due = self.begun + self.due();
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
    }
}

impl<W: Write> Write for Throttled<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.written = self.written.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        self.wait();
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_takes_the_time_that_it_must() {
        let due = |rate, written| Throttled { written, ..Throttled::new(io::sink(), rate) }.due();
        assert_eq!(due(8, 8 << 20), Duration::from_secs(1));
        assert_eq!(due(32, 8 << 20), Duration::from_millis(250));
        assert_eq!(due(0, u64::MAX), Duration::ZERO);
        assert_eq!(due(1, 0), Duration::ZERO);
    }
}
