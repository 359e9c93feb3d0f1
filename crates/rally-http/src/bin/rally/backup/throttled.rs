use std::{
    io::{self, Read, Write},
    thread,
    time::{Duration, Instant},
};

/// Writes or reads no more bytes a second than it may.
pub(super) struct Throttled<F> {
    file: F,
    bytes_per_second: u64,
    begun: Instant,
    moved: u64,
}

impl<F> Throttled<F> {
    /// At most so many MiB a second; 0 for no limit.
    pub(super) fn new(file: F, rate: u32) -> Self {
        Self { file, bytes_per_second: u64::from(rate) << 20, begun: Instant::now(), moved: 0 }
    }

    pub(super) fn into_inner(self) -> F {
        self.file
    }

    /// Counts bytes, and waits until as many may have been moved.
    fn count(&mut self, bytes: usize) {
        self.moved = self.moved.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        self.wait();
    }

    /// The time in which as much may be moved as is; none without a limit.
    fn due(&self) -> Duration {
        let millis = self.moved.saturating_mul(1_000).checked_div(self.bytes_per_second);
        Duration::from_millis(millis.unwrap_or_default())
    }

    /// Waits until as much may be moved as is.
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
        let written = self.file.write(bytes)?;
        self.count(written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl<R: Read> Read for Throttled<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(room)?;
        self.count(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_moved_takes_the_time_that_it_must() {
        let due = |rate, moved| Throttled { moved, ..Throttled::new(io::sink(), rate) }.due();
        assert_eq!(due(8, 8 << 20), Duration::from_secs(1));
        assert_eq!(due(32, 8 << 20), Duration::from_millis(250));
        assert_eq!(due(0, u64::MAX), Duration::ZERO);
        assert_eq!(due(1, 0), Duration::ZERO);
    }

    #[test]
    fn what_is_read_counts_like_what_is_written() {
        let mut read = Throttled::new(&b"a backup"[..], 0);
        assert_eq!(io::copy(&mut read, &mut io::sink()).unwrap(), 8);
        let mut written = Throttled::new(io::sink(), 0);
        written.write_all(b"a backup").unwrap();
        assert_eq!((read.moved, written.moved), (8, 8));
    }
}
