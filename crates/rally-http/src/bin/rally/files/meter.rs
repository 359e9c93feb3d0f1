use std::{
    fmt,
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// The time between two lines where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(1);

/// Tells on standard error how far a file is: by a bar on a terminal, and by lines elsewhere.
pub(crate) struct Meter {
    bar: Option<ProgressBar>,
    began: Instant,
    /// The instant of the last line; `None` before the first.
    told_at: Option<Instant>,
}

/// A state of a file that is on its way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    pub(crate) rows: u64,
    /// Rows that were refused; `None` for a file that goes out.
    pub(crate) refused: Option<u64>,
    /// Bytes of the file that are done.
    pub(crate) bytes: u64,
}

impl Meter {
    /// Begins to tell of a file of so many bytes; 0 if nobody knows.
    pub(crate) fn begin(bytes: u64) -> Self {
        let bar = if io::stderr().is_terminal() { Some(bar(bytes)) } else { None };
        Self { bar, began: Instant::now(), told_at: None }
    }

    pub(crate) fn tell(&mut self, told: Told) {
        let line = Line { told, elapsed: self.began.elapsed() };
        match &self.bar {
            Some(bar) => {
                bar.set_position(told.bytes);
                bar.set_message(line.to_string());
            }
            None if self.told_at.is_none_or(|at| at.elapsed() >= BETWEEN_LINES) => {
                self.told_at = Some(Instant::now());
                // Not worth a failure when there is nobody to tell.
                drop(writeln!(io::stderr(), "{line}"));
            }
            None => {}
        }
    }

    pub(crate) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(bytes: u64) -> ProgressBar {
    let (bar, template) = match bytes {
        0 => (ProgressBar::new_spinner(), "{spinner} {elapsed} {msg}"),
        _ => (ProgressBar::new(bytes), "{bar:30} {percent:>3} % {elapsed} {msg}"),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// The words for a state.
struct Line {
    told: Told,
    elapsed: Duration,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = self.told.rows.saturating_mul(1_000) / millis;
        write!(f, "{} rows, {rate} rows/s", self.told.rows)?;
        match self.told.refused {
            Some(refused) => write!(f, ", {refused} refused"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_rows_their_rate_and_those_refused() {
        let told = |refused| Told { rows: 3_000, refused, bytes: 7 };
        let line = |refused, elapsed| Line { told: told(refused), elapsed }.to_string();
        assert_eq!(line(Some(2), Duration::from_secs(2)), "3000 rows, 1500 rows/s, 2 refused");
        assert_eq!(line(None, Duration::ZERO), "3000 rows, 3000000 rows/s");
    }
}
