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

    /// Waits until as much may be written as is.
    fn wait(&self) {
        let Some(millis) = (self.written * 1_000).checked_div(self.bytes_per_second) else { return };
        let due = self.begun + Duration::from_millis(millis);
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
