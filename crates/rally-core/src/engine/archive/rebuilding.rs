//! A tenant that is made anew of its records and its feed.

use std::collections::BTreeMap;

use super::{filling::Filling, rows::each_row};
use crate::{
    base::{Error, Kind, RecordNumber, TenantId, Timestamp, limits},
    engine::{
        codec::{self, AnswerV1, ChunkNumber, FeedEntryV1, HeadV1, MarkV1, SubscriptionsV1},
        keys::{
            self, Breaks, ChunkChanges, Lists, MARK_EVERY, NameChanges, Target, outbox, spaces,
            spaces::Family,
        },
        schema::{Model, Record},
    },
    store::{Batch, Direction, Entry, Key, KeyRange, Overlay, Snapshot, StoreError, read_instant},
};

/// Rows of one batch.
const ROWS_AT_ONCE: usize = 2_000;
/// Records whose keys are made together.
const RECORDS_AT_ONCE: usize = 256;

/// Copies all rows of a tenant as they are.
pub(crate) fn copy(snapshot: &dyn Snapshot, into: &Filling<'_>) -> Result<(), Error> {
    copy_some(snapshot, into, &mut |_, _| Ok(true))
}

/// Copies what is derived from nothing, and derives the rest anew.
///
/// # Errors
/// A record, an entry of the feed or a kept answer cannot be read.
pub(crate) fn rebuild(
    snapshot: &dyn Snapshot,
    model: fn(Kind) -> &'static Model,
    into: &Filling<'_>,
) -> Result<(), Error> {
    let head = snapshot.get(&spaces::head())?.and_then(|row| codec::decode::<HeadV1>(&row).ok());
    let mut found = Found { head: head.unwrap_or_default(), ..Found::default() };
    copy_some(snapshot, into, &mut |entry, batch| found.see(entry, batch))?;
    for kind in Kind::ALL {
        rebuild_kind(snapshot, model(*kind), &mut found, into)?;
    }
    into.put_batch(&found.into_rest(snapshot)?)
}

/// Copies the rows that are chosen, with what is put into their batch beside them.
fn copy_some(
    snapshot: &dyn Snapshot,
    into: &Filling<'_>,
    choose: &mut dyn FnMut(&Entry, &mut Batch) -> Result<bool, Error>,
) -> Result<(), Error> {
    let (mut batch, mut bytes) = (Batch::new(), 0);
    each_row(snapshot, &mut |entry| {
        if !choose(&entry, &mut batch)? {
            return Ok(());
        }
        bytes += entry.key.as_bytes().len() + entry.value.len();
        batch.put(entry.key, entry.value);
        if bytes >= limits::TENANT_FILE_ROWS_AT_ONCE || batch.len() >= ROWS_AT_ONCE {
            bytes = 0;
            into.put_batch(&std::mem::take(&mut batch))?;
        }
        Ok(())
    })?;
    into.put_batch(&batch)
}

/// Facts that are gathered on the way through the rows that are kept.
#[derive(Default)]
struct Found {
    /// The head as it is stored, if it can be read.
    head: HeadV1,
    /// The last change of the feed.
    number: u64,
    changed_at: i64,
    /// The greatest instant of any record.
    instant: i64,
    /// The number behind the greatest that the feed has for records of a kind.
    ends: BTreeMap<Kind, u64>,
}

impl Found {
    /// True for a row that is derived from nothing. Rows that follow from it alone go into the batch.
    fn see(&mut self, entry: &Entry, batch: &mut Batch) -> Result<bool, Error> {
        let place = spaces::place(&entry.key);
        match place.family {
            Family::Feed => self.see_change(place.kind, entry, batch).map(|()| true),
            Family::Answers => {
                let answer: AnswerV1 = codec::decode(&entry.value)?;
                let key = entry.key.after(&spaces::answers()).and_then(|key| std::str::from_utf8(key).ok());
                let key = key.ok_or_else(|| damaged("the key of a kept answer"))?;
                batch.put(spaces::answer_age(Timestamp::from_micros(answer.kept_at), key), Vec::new());
                Ok(true)
            }
            family => Ok(!family.is_derived()),
        }
    }

    fn see_change(&mut self, kind: Option<Kind>, entry: &Entry, batch: &mut Batch) -> Result<(), Error> {
        let kind = kind.ok_or_else(|| damaged("an entry of the feed of no kind"))?;
        let instant = entry.key.after(&spaces::feed_of(kind)).and_then(read_instant);
        let instant = instant.ok_or_else(|| damaged("an entry of the feed without its instant"))?.as_micros();
        let told: FeedEntryV1 = codec::decode(&entry.value)?;
        if told.number > self.number {
            (self.number, self.changed_at) = (told.number, instant);
        }
        let end = self.ends.entry(kind).or_default();
        *end = (*end).max(told.record.saturating_add(1));
        if told.number.is_multiple_of(MARK_EVERY) {
            batch.put(spaces::feed_mark(told.number / MARK_EVERY), codec::encode(&MarkV1 { instant })?);
        }
        Ok(())
    }

    /// The head, and the marks of the numbers that were passed over.
    fn into_rest(self, snapshot: &dyn Snapshot) -> Result<Batch, Error> {
        let (mut head, breaks) = (self.head, Breaks::load(snapshot)?);
        head.number = head.number.max(breaks.passed());
        if self.number > head.number {
            (head.number, head.changed_at) = (self.number, self.changed_at);
        }
        head.instant = head.instant.max(self.instant).max(self.changed_at);
        let subscriptions = snapshot.get(outbox::subscriptions().key())?;
        let subscriptions = subscriptions.map(|row| codec::decode::<SubscriptionsV1>(&row)).transpose()?;
        head.is_subscribed = subscriptions.is_some_and(|subscriptions| !subscriptions.all.is_empty());
        let mut batch = Batch::new();
        breaks.put_marks(&mut batch)?;
        if head != HeadV1::default() {
            batch.put(spaces::head(), codec::encode(&head)?);
        }
        Ok(batch)
    }
}

/// Derives all that the records of a kind are found by, and their lists.
fn rebuild_kind(
    snapshot: &dyn Snapshot,
    model: &'static Model,
    found: &mut Found,
    into: &Filling<'_>,
) -> Result<(), Error> {
    let kind = model.kind();
    let mut lists = Lists::empty(kind);
    let mut range = KeyRange::prefix(&spaces::records(kind));
    loop {
        let page = snapshot.scan(&range, Direction::Forward, RECORDS_AT_ONCE)?;
        derive(&page, model, &mut lists, found, into)?;
        match page.last() {
            Some(last) if page.len() == RECORDS_AT_ONCE => range = range.from(last.key.successor()),
            _ => break,
        }
    }
    // A number is never given again, so those that are gone behind the last record count, too.
    let known = Lists::load(kind, snapshot).map_or(0, |lists| lists.next().get());
    let end = known.max(found.ends.get(&kind).copied().unwrap_or_default());
    let below = into.snapshot()?;
    let (mut overlay, mut chunks) = (Overlay::new(&*below, Batch::new()), ChunkChanges::default());
    lists.pass_to(&mut overlay, &mut chunks, end)?;
    chunks.apply(&mut overlay)?;
    into.put_batch(&overlay.into_batch())?;
    name(model, &lists, snapshot, into)?;
    order(&mut lists, into)
}

/// Makes the names of whole chunks, in the order of the records.
fn name(
    model: &'static Model,
    lists: &Lists,
    snapshot: &dyn Snapshot,
    into: &Filling<'_>,
) -> Result<(), Error> {
    let mut chunk = ChunkNumber::FIRST;
    while model.is_searched() && chunk < lists.open_chunk() {
        let mut batch = Batch::new();
        let rows = keys::rows_of_chunk(TenantId::DIRECTORY, model, chunk, snapshot)?;
        rows.into_iter().for_each(|(key, row)| batch.put(key, row));
        into.put_batch(&batch)?;
        let Some(next) = chunk.next() else { break };
        chunk = next;
    }
    Ok(())
}

/// Derives what some records are found by.
fn derive(
    page: &[Entry],
    model: &'static Model,
    lists: &mut Lists,
    found: &mut Found,
    into: &Filling<'_>,
) -> Result<(), Error> {
    let (kind, below) = (model.kind(), into.snapshot()?);
    let (mut overlay, mut chunks) = (Overlay::new(&*below, Batch::new()), ChunkChanges::default());
    for entry in page {
        let number = entry.key.after(&spaces::records(kind)).and_then(RecordNumber::from_bytes);
        let number = number.ok_or_else(|| damaged("a record without its number"))?;
        lists.pass_to(&mut overlay, &mut chunks, number.get())?;
        lists.take_number()?;
        let record = Record::numbered(TenantId::DIRECTORY, number, &entry.value)?;
        // Names in the order of records are made of whole chunks, once all records are there.
        let names = &mut NameChanges::default();
        let mut target = Target { overlay: &mut overlay, chunks: &mut chunks, names };
        keys::move_keys(&mut target, model, record.id, None, Some(&record))?;
        keys::move_share(&mut overlay, model, None, Some(&record))?;
        let updated_at = record.parts.head.updated_at;
        overlay.put(spaces::updated(kind, updated_at), number.to_value());
        found.instant = found.instant.max(updated_at.as_micros());
    }
    chunks.apply(&mut overlay)?;
    into.put_batch(&overlay.into_batch())
}

/// Counts the list by last change, whose entries are there, and keeps both lists.
fn order(lists: &mut Lists, into: &Filling<'_>) -> Result<(), Error> {
    let mut range = KeyRange::prefix(&spaces::all_updated(lists.kind()));
    loop {
        let below = into.snapshot()?;
        let entries = below.scan(&range, Direction::Forward, ROWS_AT_ONCE)?;
        let mut overlay = Overlay::new(&*below, Batch::new());
        for entry in &entries {
            lists.changes.append(&mut overlay, &entry.key)?;
        }
        let next: Option<Key> =
            entries.last().filter(|_| entries.len() == ROWS_AT_ONCE).map(|last| last.key.successor());
        if next.is_none() && lists.next() > RecordNumber::FIRST {
            lists.save(&mut overlay)?;
        }
        into.put_batch(&overlay.into_batch())?;
        match next {
            Some(next) => range = range.from(next),
            None => return Ok(()),
        }
    }
}

fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt { what: what.to_owned() }
}
