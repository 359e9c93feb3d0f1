/// The way in which a damage can be made good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repair {
    /// It is derived from records and feed, and can be made anew.
    Rebuild,
    /// Only a backup has it.
    Backup,
}

/// A damage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) repair: Repair,
    pub(crate) what: String,
}

/// A check under way: what it has found, and who hears of its progress.
pub(crate) struct Checking<'w> {
    /// The first findings, at most `most`.
    pub(crate) findings: Vec<Finding>,
    most: usize,
    /// All findings.
    pub(crate) found: u64,
    /// Rows that were looked at.
    pub(crate) rows: u64,
    watch: &'w mut dyn FnMut(u64),
}

impl<'w> Checking<'w> {
    /// A check that keeps some findings at most.
    pub(crate) fn new(most: usize, watch: &'w mut dyn FnMut(u64)) -> Self {
        Self { findings: Vec::new(), most, found: 0, rows: 0, watch }
    }

    /// Notes a damage.
    pub(crate) fn found(&mut self, repair: Repair, what: impl Into<String>) {
        self.found += 1;
        if self.findings.len() < self.most {
            self.findings.push(Finding { repair, what: what.into() });
        }
    }

    /// Notes a damage unless something holds.
    pub(crate) fn expect(&mut self, holds: bool, repair: Repair, what: impl FnOnce() -> String) {
        if !holds {
            self.found(repair, what());
        }
    }

    /// Counts rows that were looked at, and tells.
    pub(crate) fn saw(&mut self, rows: usize) {
        self.rows = self.rows.saturating_add(u64::try_from(rows).unwrap_or(u64::MAX));
        (self.watch)(self.rows);
    }
}
