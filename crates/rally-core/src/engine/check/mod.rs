//! Checks of a tenant's rows against each other: all that is derived is derived anew from the records and the feed, and
//! compared with what is stored.
//!
//! Nothing is written, and memory holds a page of records with what follows from them. What a record must be found by is made
//! by the function that the write path makes it by (`records`), so a new index is checked without a line here. That there are
//! no rows beyond those is found by counting.

mod feed;
mod lists;
mod names;
mod outbox;
mod records;
mod report;

pub(crate) use self::report::{Checking, Repair};

use crate::{
    base::{Error, Kind},
    engine::{keys::spaces, schema::Model},
    store::{Direction, Key, KeyRange, Snapshot},
};

/// Checks all rows of a tenant at one moment.
pub(crate) fn check(
    snapshot: &dyn Snapshot,
    model: fn(Kind) -> &'static Model,
    checking: &mut Checking<'_>,
) -> Result<(), Error> {
    for kind in Kind::ALL {
        lists::check(snapshot, model(*kind), *kind, checking)?;
    }
    feed::check(snapshot, checking)?;
    outbox::check(snapshot, checking)?;
    rows_of_nothing(snapshot, checking)
}

/// Finds rows of kinds that there are not.
fn rows_of_nothing(snapshot: &dyn Snapshot, checking: &mut Checking<'_>) -> Result<(), Error> {
    let mut kinds = Kind::ALL.to_vec();
    kinds.sort_by_key(|kind| kind.number());
    for family in spaces::FAMILIES {
        let prefix = Key::new(*family);
        let place = spaces::place(&prefix.clone().byte(1));
        if place.kind.is_none() {
            continue;
        }
        // The keys before those of the first kind, between those of two, and behind those of the last.
        let mut start = prefix.clone();
        for kind in kinds.iter().map(Some).chain([None]) {
            let mut range = KeyRange::prefix(&prefix).from(start.clone());
            if let Some(kind) = kind {
                let of_kind = prefix.clone().kind(*kind);
                start = of_kind.prefix_end().unwrap_or_else(|| of_kind.clone());
                range = range.until(of_kind);
            }
            if range.is_empty() {
                continue;
            }
            let is_empty = snapshot.scan(&range, Direction::Forward, 1)?.is_empty();
            checking.expect(is_empty, Repair::Backup, || {
                "there are rows of a kind of record that there is not".to_owned()
            });
        }
    }
    Ok(())
}

/// Visits the rows with a prefix, some at a time.
fn each_page(
    snapshot: &dyn Snapshot,
    prefix: &Key,
    most: usize,
    visit: &mut dyn FnMut(Vec<crate::store::Entry>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut range = KeyRange::prefix(prefix);
    loop {
        let page = snapshot.scan(&range, Direction::Forward, most)?;
        let is_last = page.len() < most;
        if let Some(last) = page.last() {
            range = range.from(last.key.successor());
        }
        visit(page)?;
        if is_last {
            return Ok(());
        }
    }
}
