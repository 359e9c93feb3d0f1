//! Files of older formats, which are converted step by step when they are opened.
//!
//! A step changes the tree in transactions of its own, and may be made again: the head of the file tells the new format
//! only once all steps are done, so an interrupted conversion begins anew.

use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata};

use crate::format::{self, DATA};

/// The oldest format that can be converted.
pub(crate) const OLDEST: u32 = 2;

/// The rows after which it is told how far a conversion is.
const TELL_EVERY: u64 = 4_096;

/// Makes of a tree of one format one of the next, and tells the part that is done, from 0 to 1.
type Step = fn(&Database, &dyn Fn(f64)) -> Result<(), redb::Error>;

/// The steps from each format to the next, from the oldest on. Released ones never change.
const STEPS: [Step; 1] = [count_live];

/// Makes of a tree of an older format one of the newest.
pub(crate) fn run(db: &Database, from: u32, tell: &dyn Fn(f64)) -> Result<(), redb::Error> {
    let mut steps = (OLDEST..).zip(STEPS).filter(|(format, _)| *format >= from);
    steps.try_for_each(|(_, step)| step(db, tell))
}

/// From 2 to 3: the bytes of keys and values are counted, and the count is kept from then on.
fn count_live(db: &Database, tell: &dyn Fn(f64)) -> Result<(), redb::Error> {
    let reader = db.begin_read()?;
    let table = reader.open_table(DATA)?;
    let rows = table.len()?.max(1);
    let mut live = 0_u64;
    for (number, row) in (0_u64..).zip(table.iter()?) {
        let (key, value) = row?;
        live = live.saturating_add(format::row_bytes(key.value(), value.value()));
        if number % TELL_EVERY == 0 {
            tell(part(number, rows));
        }
    }
    let mut txn = db.begin_write()?;
    txn.set_quick_repair(true);
    format::set_live(&txn, live)?;
    txn.commit()?;
    tell(1.0);
    Ok(())
}

fn part(done: u64, of: u64) -> f64 {
    let percent = done.saturating_mul(100).checked_div(of).unwrap_or(100).min(100);
    u32::try_from(percent).map_or(1.0, |percent| f64::from(percent) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::FORMAT;

    #[test]
    fn the_last_step_makes_the_newest_format() {
        let steps = u32::try_from(STEPS.len()).unwrap();
        assert_eq!(OLDEST + steps, FORMAT);
    }

    #[test]
    fn a_part_is_between_0_and_1() {
        assert_eq!([part(0, 1), part(5, 10), part(20, 10), part(1, 0)], [0.0, 0.5, 1.0, 1.0]);
    }
}
