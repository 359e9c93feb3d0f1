//! The feed: its numbers, its instants, its marks, and what records were before each change.

use std::collections::BTreeMap;

use super::{Checking, Repair, each_page};
use crate::{
    base::{Action, Error, Kind, Timestamp},
    engine::{
        codec::{self, FeedEntryV1, FormerV1, HeadV1, IncarnationV1, MarkV1},
        keys::{Breaks, Lists, MARK_EVERY, spaces},
    },
    store::{Direction, Entry, Key, KeyRange, Snapshot, read_instant},
};

/// Entries of a kind that are read at once.
const AT_ONCE: usize = 512;

/// An entry of the feed.
struct Told {
    kind: Kind,
    instant: i64,
    entry: FeedEntryV1,
}

/// The entries of a kind, one after the other.
struct Stream<'s> {
    snapshot: &'s dyn Snapshot,
    kind: Kind,
    range: KeyRange,
    ready: std::vec::IntoIter<Entry>,
    is_over: bool,
}

/// Checks the feed of a tenant.
pub(super) fn check(snapshot: &dyn Snapshot, checking: &mut Checking<'_>) -> Result<(), Error> {
    let head: HeadV1 = match snapshot.get(&spaces::head())?.map(|row| codec::decode(&row)).transpose() {
        Ok(head) => head.unwrap_or_default(),
        Err(error) => {
            checking.found(Repair::Rebuild, format!("the head: {error}"));
            HeadV1::default()
        }
    };
    let breaks = match Breaks::load(snapshot) {
        Ok(breaks) => breaks,
        Err(error) => {
            checking.found(Repair::Backup, format!("the breaks of the feed: {error}"));
            Breaks::default()
        }
    };
    let written = snapshot.get(&spaces::incarnation())?.map(|row| codec::decode::<IncarnationV1>(&row));
    if let Some(Err(error)) = written {
        checking.found(Repair::Rebuild, format!("the incarnation of the store: {error}"));
    }
    let mut streams: Vec<Stream<'_>> = Kind::IN_FEED.iter().map(|kind| Stream::of(snapshot, *kind)).collect();
    let mut waiting: Vec<Option<Told>> = Vec::new();
    for stream in &mut streams {
        waiting.push(stream.next(checking)?);
    }
    let mut last =
        (head.trimmed.map_or(0, |trim| trim.number), head.trimmed.map_or(i64::MIN, |trim| trim.instant));
    let (mut beside, mut deleted) = (Beside::default(), BTreeMap::new());
    loop {
        let first =
            waiting.iter().enumerate().filter_map(|(at, told)| Some((told.as_ref()?.instant, at))).min();
        let Some((_, at)) = first else { break };
        let next = streams.get_mut(at).map(|stream| stream.next(checking)).transpose()?.flatten();
        let Some(told) = waiting.get_mut(at).and_then(|place| std::mem::replace(place, next)) else { break };
        check_order(&breaks, last, &told, checking);
        last = (told.entry.number, told.instant);
        beside.want(&told, checking);
        beside.look(snapshot, AT_ONCE, checking)?;
        *deleted.entry(told.kind).or_default() += u64::from(told.entry.action == Action::Deleted.number());
    }
    beside.look(snapshot, 1, checking)?;
    check_head(&head, &breaks, last, checking);
    if head.trimmed.is_none() {
        check_deletions(snapshot, &deleted, checking);
    }
    check_counts(snapshot, (&head, &breaks), (beside.formers, beside.marks), checking)
}

fn check_order(breaks: &Breaks, last: (u64, i64), told: &Told, checking: &mut Checking<'_>) {
    let number = told.entry.number;
    // Numbers were passed over at each break.
    let follows = number > last.0 && number <= breaks.reach(last.0);
    checking.expect(follows && told.instant > last.1, Repair::Backup, || {
        format!("change {number} in the feed follows change {}, or is not later", last.0)
    });
}

fn check_head(head: &HeadV1, breaks: &Breaks, last: (u64, i64), checking: &mut Checking<'_>) {
    let holds = head.number == last.0.max(breaks.passed()) && head.instant >= last.1;
    checking.expect(holds, Repair::Rebuild, || {
        format!("the head has change {} as the last, and the feed change {}", head.number, last.0)
    });
}

/// Checks that the feed tells of all records that are gone: one that is missing without it was lost.
fn check_deletions(snapshot: &dyn Snapshot, deleted: &BTreeMap<Kind, u64>, checking: &mut Checking<'_>) {
    for kind in Kind::IN_FEED {
        // Lists that cannot be read are told of elsewhere.
        let Ok(lists) = Lists::load(*kind, snapshot) else { continue };
        let (gone, told) = (lists.next().get() - lists.len(), deleted.get(kind).copied().unwrap_or_default());
        checking.expect(gone == told, Repair::Backup, || {
            format!("{gone} {} are gone, and the feed tells of {told} that were deleted", kind.plural())
        });
    }
}

/// Rows that changes must have beside their entries, which are looked for together.
#[derive(Default)]
struct Beside {
    wanted: Vec<(Key, Wanted)>,
    marks: u64,
    formers: u64,
}

/// A row that a change must have.
struct Wanted {
    number: u64,
    instant: i64,
    is_mark: bool,
}

impl Beside {
    /// Wants what a change must have: every 64th a mark, and each that is not the first of its record what that was before.
    fn want(&mut self, told: &Told, checking: &mut Checking<'_>) {
        let Told { kind, instant, entry } = told;
        let number = entry.number;
        let wanted = |is_mark| Wanted { number, instant: *instant, is_mark };
        if number.is_multiple_of(MARK_EVERY) {
            self.marks += 1;
            self.wanted.push((spaces::feed_mark(number / MARK_EVERY), wanted(true)));
        }
        let Some(action) = Action::from_number(entry.action) else {
            checking.found(Repair::Backup, format!("change {number} in the feed has no action"));
            return;
        };
        if action == Action::Inserted {
            return;
        }
        match entry.entity(Timestamp::from_micros(*instant)) {
            Ok(id) => {
                self.formers += 1;
                self.wanted.push((spaces::former(*kind, id, entry.version), wanted(false)));
            }
            Err(_) => checking.found(Repair::Backup, format!("change {number} in the feed names no record")),
        }
    }

    /// Looks for what is wanted, once it is enough for one look.
    fn look(
        &mut self,
        snapshot: &dyn Snapshot,
        least: usize,
        checking: &mut Checking<'_>,
    ) -> Result<(), Error> {
        if self.wanted.len() < least.max(1) {
            return Ok(());
        }
        let wanted = std::mem::take(&mut self.wanted);
        let keys: Vec<Key> = wanted.iter().map(|(key, _)| key.clone()).collect();
        for ((_, wanted), row) in wanted.iter().zip(snapshot.get_many(&keys)?) {
            let holds = row.is_some_and(|row| wanted.is_as_found(&row));
            let Wanted { number, is_mark, .. } = wanted;
            if *is_mark {
                let what = || format!("the mark of change {number} in the feed is wrong");
                checking.expect(holds, Repair::Rebuild, what);
            } else {
                let what = || format!("the history lacks what the record was before change {number}");
                checking.expect(holds, Repair::Backup, what);
            }
        }
        Ok(())
    }
}

impl Wanted {
    fn is_as_found(&self, row: &[u8]) -> bool {
        let instant = if self.is_mark {
            codec::decode::<MarkV1>(row).map(|mark| mark.instant)
        } else {
            codec::decode::<FormerV1>(row).map(|former| former.changed_at)
        };
        instant.is_ok_and(|instant| instant == self.instant)
    }
}

fn check_counts(
    snapshot: &dyn Snapshot,
    (head, breaks): (&HeadV1, &Breaks),
    (formers, marks): (u64, u64),
    checking: &mut Checking<'_>,
) -> Result<(), Error> {
    let mut found = 0;
    for kind in Kind::ALL {
        found += count(snapshot, &spaces::all_former(*kind), checking)?;
    }
    checking.expect(found == formers, Repair::Rebuild, || {
        format!("the histories have {found} former states, and the feed tells of {formers}")
    });
    let stored = count(snapshot, &spaces::feed_marks(), checking)?;
    // Marks of changes that were trimmed stay, and a feed that has breaks has more.
    let is_exact = head.trimmed.is_none() && breaks.is_empty();
    checking.expect(stored == marks || !is_exact, Repair::Rebuild, || {
        format!("the feed has {stored} marks where there should be {marks}")
    });
    Ok(())
}

fn count(snapshot: &dyn Snapshot, prefix: &Key, checking: &mut Checking<'_>) -> Result<u64, Error> {
    let mut found = 0u64;
    each_page(snapshot, prefix, AT_ONCE, &mut |page| {
        checking.saw(page.len());
        found += u64::try_from(page.len()).unwrap_or(u64::MAX);
        Ok(())
    })?;
    Ok(found)
}

impl<'s> Stream<'s> {
    fn of(snapshot: &'s dyn Snapshot, kind: Kind) -> Self {
        let range = KeyRange::prefix(&spaces::feed_of(kind));
        Self { snapshot, kind, range, ready: Vec::new().into_iter(), is_over: false }
    }

    /// The next entry that can be read.
    fn next(&mut self, checking: &mut Checking<'_>) -> Result<Option<Told>, Error> {
        loop {
            let Some(row) = self.next_row(checking)? else { return Ok(None) };
            let instant = row.key.after(&spaces::feed_of(self.kind)).and_then(read_instant);
            match (instant, codec::decode::<FeedEntryV1>(&row.value)) {
                (Some(instant), Ok(entry)) => {
                    return Ok(Some(Told { kind: self.kind, instant: instant.as_micros(), entry }));
                }
                _ => {
                    checking.found(
                        Repair::Backup,
                        format!("an entry of {} in the feed cannot be read", self.kind.plural()),
                    );
                }
            }
        }
    }

    fn next_row(&mut self, checking: &mut Checking<'_>) -> Result<Option<Entry>, Error> {
        if self.ready.as_slice().is_empty() && !self.is_over {
            let page = self.snapshot.scan(&self.range, Direction::Forward, AT_ONCE)?;
            checking.saw(page.len());
            self.is_over = page.len() < AT_ONCE;
            if let Some(last) = page.last() {
                self.range = self.range.clone().from(last.key.successor());
            }
            self.ready = page.into_iter();
        }
        Ok(self.ready.next())
    }
}
