//! All rows of a tenant at one moment.

use sha2::{Digest, Sha256};

use crate::{
    base::Error,
    engine::keys::spaces,
    store::{Direction, Entry, Key, KeyRange, Snapshot},
};

/// Rows of the first scan of a family, and of the largest one.
const FEWEST: usize = 16;
const MOST: usize = 1_024;
/// Bytes of a scan's rows, above which the next scan asks for fewer.
const SCAN_BYTES: usize = 1 << 20;

/// Visits all rows of a tenant in the order of their keys. Memory holds one scan.
pub(crate) fn each_row(
    snapshot: &dyn Snapshot,
    visit: &mut dyn FnMut(Entry) -> Result<(), Error>,
) -> Result<(), Error> {
    for family in spaces::FAMILIES {
        let mut range = KeyRange::prefix(&Key::new(*family));
        let mut most = FEWEST;
        loop {
            let scan = snapshot.scan(&range, Direction::Forward, most)?;
            let is_last = scan.len() < most;
            if let Some(last) = scan.last() {
                range = range.from(last.key.successor());
            }
            let bytes: usize = scan.iter().map(|entry| entry.value.len()).sum();
            scan.into_iter().try_for_each(&mut *visit)?;
            if is_last {
                break;
            }
            most = if bytes > SCAN_BYTES { (most / 2).max(1) } else { (most * 2).min(MOST) };
        }
    }
    Ok(())
}

/// The number of rows and their digest, which is the same however they are read, and on every store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    rows: u64,
    digest: Sha256,
}

impl Tally {
    pub(crate) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.rows += 1;
        for part in [key, value] {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            self.digest.update(length.to_le_bytes());
            self.digest.update(part);
        }
    }

    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        self.digest.clone().finalize().into()
    }
}

/// All rows of a tenant at once: of the directory, which is small.
pub(crate) fn all_rows(snapshot: &dyn Snapshot) -> Result<Vec<Entry>, Error> {
    let mut rows = Vec::new();
    each_row(snapshot, &mut |row| {
        rows.push(row);
        Ok(())
    })?;
    Ok(rows)
}

/// Counts all rows of a tenant.
pub(crate) fn tally(snapshot: &dyn Snapshot) -> Result<Tally, Error> {
    let mut tally = Tally::default();
    each_row(snapshot, &mut |row| {
        tally.add(row.key.as_bytes(), &row.value);
        Ok(())
    })?;
    Ok(tally)
}

/// The number of bytes that a row takes in a block.
pub(super) fn row_bytes(key: &[u8], value: &[u8]) -> usize {
    key.len().saturating_add(value.len()).saturating_add(16)
}
