use std::{fmt, sync::Arc};

use parking_lot::Mutex;

/// A function that is told how far a recovery is, from 0 to 1.
pub(crate) type Report = Arc<dyn Fn(f64) + Send + Sync>;

/// The progress of a recovery: redb says which part of it begins, and the bytes read say how far that part is.
pub(crate) struct Recovery {
    file_bytes: u64,
    report: Report,
    /// `None` while nothing is being recovered.
    part: Mutex<Option<Part>>,
}

/// A part of a recovery, in which the file is read once at most.
#[derive(Clone, Copy)]
struct Part {
    start_percent: u32,
    end_percent: u32,
    read_bytes: u64,
    told_percent: u32,
}

impl Recovery {
    pub(crate) fn new(file_bytes: u64, report: Report) -> Self {
        Self { file_bytes, report, part: Mutex::new(None) }
    }

    /// Takes up the part that begins at a fraction that redb names.
    pub(crate) fn enter(&self, start: f64) {
        // A part more, between the first two, comes only if the last commit was torn.
        let (start_percent, end_percent) = match start {
            start if start < 0.3 => (0, 60),
            start if start < 0.6 => (30, 60),
            start if start < 0.9 => (60, 90),
            _ => (90, 100),
        };
        let mut part = self.part.lock();
        let told_percent = part.map_or(0, |part| part.told_percent).max(start_percent);
        *part = Some(Part { start_percent, end_percent, read_bytes: 0, told_percent });
        self.tell(told_percent);
    }

    /// Counts bytes that were read from the file.
    pub(crate) fn read(&self, bytes: usize) {
        if let Some(part) = &mut *self.part.lock() {
            part.read_bytes = part.read_bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
            let percent = part.percent(self.file_bytes);
            if percent > part.told_percent {
                part.told_percent = percent;
                self.tell(percent);
            }
        }
    }

    /// Ends what has begun, and says whether anything had.
    pub(crate) fn finish(&self) -> bool {
        let had_begun = self.part.lock().take().is_some();
        if had_begun {
            self.tell(100);
        }
        had_begun
    }

    fn tell(&self, percent: u32) {
        (self.report)(f64::from(percent) / 100.0);
    }
}

impl Part {
    fn percent(&self, file_bytes: u64) -> u32 {
        let width = u64::from(self.end_percent - self.start_percent);
        let done = self.read_bytes.min(file_bytes).saturating_mul(width).checked_div(file_bytes);
        done.and_then(|done| u32::try_from(done).ok())
            .map_or(self.end_percent, |done| self.start_percent + done)
    }
}

impl fmt::Debug for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recovery").field("file_bytes", &self.file_bytes).finish_non_exhaustive()
    }
}
