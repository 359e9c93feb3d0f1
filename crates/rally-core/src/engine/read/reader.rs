//! Reading the records of one resource at one moment.

use std::marker::PhantomData;

use uuid::Uuid;

use super::{ListPosition, ListQuery};
use crate::{
    base::{Error, Id, RecordNumber, Timestamp, clamp, count},
    engine::{
        codec::{Bytes, RecordHead, Slot},
        keys::{
            FEWEST, IndexedValue, Lists, NumberSet, Numbers, Place, Sequence, damaged_key, number_in, spaces,
        },
        schema::{IndexNumber, Model, Resource, Row, TenantInfo, join},
    },
    store::{Direction, Entry, Key, KeyRange, Snapshot, StoreError},
};

/// The records of a resource as they are at one moment.
pub(crate) struct Reader<'v, R> {
    pub(super) tenant: &'v TenantInfo,
    pub(super) snapshot: &'v dyn Snapshot,
    of: PhantomData<fn() -> R>,
}

// Derives would ask the same of `R`, which is only a name here.
impl<R> Clone for Reader<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Reader<'_, R> {}

/// Part of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The records.
    pub records: Vec<T>,
    /// True when more records follow.
    pub has_more: bool,
    /// The number of records in the whole list, if it was asked for.
    pub total: Option<u64>,
    /// The place of the last record, behind which the next page begins; `None` for a page without records, and of a
    /// history.
    pub end: Option<ListPosition>,
}

/// Records of a chunk, where a list has to look at records to know which of them it has.
pub(super) const AT_ONCE: usize = 1_000;

/// Records that are looked for one by one wherever they stand.
const FEW: usize = 8;

impl<'v, R: Resource> Reader<'v, R> {
    pub(crate) fn new(tenant: &'v TenantInfo, snapshot: &'v dyn Snapshot) -> Self {
        Self { tenant, snapshot, of: PhantomData }
    }

    pub(crate) fn snapshot(&self) -> &'v dyn Snapshot {
        self.snapshot
    }

    pub(crate) fn model(&self) -> &'static Model {
        self.tenant.model::<R>()
    }

    /// The record with an id, with its joined members.
    pub(crate) fn get(&self, id: Uuid) -> Result<Row<R>, Error> {
        let mut row = self.existing(id)?;
        self.join(std::slice::from_mut(&mut row))?;
        Ok(row)
    }

    /// The record with an id, without joined members.
    pub(crate) fn existing(&self, id: Uuid) -> Result<Row<R>, Error> {
        let bytes = self.snapshot.get(&spaces::record(R::KIND, id))?;
        let not_found = || Error::not_found(R::KIND.noun());
        let row = self.row(RecordNumber::of(id), bytes.ok_or_else(not_found)?)?;
        // An id that is none of this tenant's may have the number of a record that is.
        if row.id().as_uuid() == id { Ok(row) } else { Err(not_found()) }
    }

    /// The record that has a natural key, which is folded already, without joined members.
    pub(crate) fn find_by_key(&self, slot: Slot, folded: &str) -> Result<Option<Row<R>>, Error> {
        let Some(key) = self.snapshot.get(&spaces::unique(R::KIND, slot, folded))? else { return Ok(None) };
        let number = number_in(&key)?;
        let record = self.snapshot.get(&spaces::numbered(R::KIND, number))?.ok_or_else(damaged_key)?;
        Ok(Some(self.row(number, record)?))
    }

    /// Part of a list. Page and total are of the same moment.
    pub(crate) fn list(&self, query: &ListQuery<R>) -> Result<Page<Row<R>>, Error> {
        query.check()?;
        let selection = query.query.selection(self.model());
        let mut page = match (selection, query.query.updated_since) {
            (None, None) => self.list_created(query),
            (None, Some(since)) => self.list_updated(query, since),
            (Some(selection), None) => self.list_selected(query, &selection),
            (Some(selection), Some(since)) => self.list_selected_updated(query, since, &selection),
        }?;
        let is_by_change = query.query.updated_since.is_some();
        page.end = page.records.last().map(|row| ListPosition::of(row, is_by_change)).transpose()?;
        if !query.without_joined {
            self.join(&mut page.records)?;
        }
        Ok(page)
    }

    /// The first record whose indexed member has a value, with its joined members.
    pub(crate) fn first_indexed(
        &self,
        index: IndexNumber,
        value: IndexedValue,
    ) -> Result<Option<Row<R>>, Error> {
        let first = self.indexed(index, value, FEWEST).next_many(1)?;
        let mut rows = self.rows(&first)?;
        self.join(&mut rows)?;
        Ok(rows.pop())
    }

    fn indexed(&self, index: IndexNumber, value: IndexedValue, first: usize) -> Numbers<'v> {
        Numbers::of(self.snapshot, NumberSet::Stored(spaces::indexed(R::KIND, index, value)), first)
    }

    fn row(&self, number: RecordNumber, bytes: Bytes) -> Result<Row<R>, StoreError> {
        let id = RecordHead::read(&bytes)?.id(number);
        Ok(Row::new(self.tenant.id, id, bytes))
    }

    fn list_created(&self, query: &ListQuery<R>) -> Result<Page<Row<R>>, Error> {
        if query.offset == 0 && !query.count {
            return Ok(page(self.rows_after(query.after, query.limit + 1)?, query.limit, None));
        }
        let lists = Lists::load(R::KIND, self.snapshot)?;
        let total = if query.count { Some(lists.len()) } else { None };
        let rows = match self.first_of_page(&lists, query)? {
            _ if query.offset == 0 => self.rows_after(query.after, query.limit + 1)?,
            Some(first) => self.rows_from(first, query.limit + 1)?,
            None => Vec::new(),
        };
        Ok(page(rows, query.limit, total))
    }

    /// The number from which on a page by offset goes: where counting leads, or at the end of the page before if that is
    /// earlier.
    fn first_of_page(&self, lists: &Lists, query: &ListQuery<R>) -> Result<Option<RecordNumber>, Error> {
        if query.offset == 0 {
            return Ok(None);
        }
        let start = self.first_after(query.after)?;
        let counted = lists.before(self.snapshot, start)?.saturating_add(query.offset);
        if let Some(end) = query.not_behind {
            let from = end.next_number().max(start);
            if lists.before(self.snapshot, from)? <= counted {
                return Ok(Some(from));
            }
        }
        Ok(lists.at(self.snapshot, counted)?)
    }

    /// The number from which on the records were created after one with an id.
    ///
    /// Any id has its place in the order of creation, even if its record is gone or none of this tenant's.
    pub(super) fn first_after(&self, after: Option<Id<R>>) -> Result<RecordNumber, Error> {
        let Some(id) = after.map(Id::as_uuid) else { return Ok(RecordNumber::FIRST) };
        let number = RecordNumber::of(id);
        let next = self.rows_from(number, 1)?;
        match next.first().map(|row| row.id().as_uuid()) {
            Some(next) if next == id => return Ok(number.next()),
            Some(next) if next < id => return self.search_after(id),
            _ => {}
        }
        let range = KeyRange::prefix(&spaces::records(R::KIND)).until(spaces::numbered(R::KIND, number));
        let before = self.rows_of_records(self.snapshot.scan(&range, Direction::Backward, 1)?)?;
        if before.iter().all(|row| row.id().as_uuid() < id) { Ok(number) } else { self.search_after(id) }
    }

    /// The same for an id whose number is not that of a record of this tenant's.
    fn search_after(&self, id: Uuid) -> Result<RecordNumber, Error> {
        let (mut low, mut high) = (0, Lists::load(R::KIND, self.snapshot)?.next().get());
        while low < high {
            let middle = low.midpoint(high);
            let first = self.rows_from(RecordNumber::new(middle).unwrap_or(RecordNumber::END), 1)?;
            match first.first().map(|row| row.id().as_uuid()) {
                Some(found) if found < id => low = RecordNumber::of(found).next().get(),
                _ => high = middle,
            }
        }
        Ok(RecordNumber::new(low).unwrap_or(RecordNumber::END))
    }

    /// The records after one, at most `most`.
    fn rows_after(&self, after: Option<Id<R>>, most: usize) -> Result<Vec<Row<R>>, Error> {
        let Some(id) = after else { return self.rows_from(RecordNumber::FIRST, most) };
        // With the record itself, which tells that its place is the one that its id names.
        let mut rows = self.rows_from(RecordNumber::of(id.as_uuid()), most + 1)?;
        if rows.first().is_some_and(|row| row.id() == id) {
            rows.remove(0);
            return Ok(rows);
        }
        self.rows_from(self.first_after(after)?, most)
    }

    /// The records from a number on, at most `most`.
    pub(super) fn rows_from(&self, number: RecordNumber, most: usize) -> Result<Vec<Row<R>>, Error> {
        let range = KeyRange::prefix(&spaces::records(R::KIND)).from(spaces::numbered(R::KIND, number));
        self.rows_of_records(self.snapshot.scan(&range, Direction::Forward, most)?)
    }

    fn list_updated(&self, query: &ListQuery<R>, since: Timestamp) -> Result<Page<Row<R>>, Error> {
        let all = spaces::all_updated(R::KIND);
        let start = spaces::updated(R::KIND, since).successor();
        let (mut place, mut total) = (Some(Place { from: start.clone(), skip: 0 }), None);
        if query.offset > 0 || query.count {
            let changes = Lists::load(R::KIND, self.snapshot)?.changes;
            let before = changes.rank(self.snapshot, &start)?;
            if query.count {
                total = Some(changes.len().saturating_sub(before));
            }
            if query.offset > 0 {
                place = self.place_of_page(&changes, query, start, before)?;
            }
        }
        let rows = self.rows(&numbers_of(&self.entries_from(&all, place, query.limit)?)?)?;
        Ok(page(rows, query.limit, total))
    }

    /// The place of a page by offset, in the list by last change from `start` on, behind `before` of its entries: where
    /// counting leads, or at the end of the page before if that is earlier.
    fn place_of_page(
        &self,
        changes: &Sequence,
        query: &ListQuery<R>,
        start: Key,
        before: u64,
    ) -> Result<Option<Place>, StoreError> {
        let counted = before.saturating_add(query.offset);
        if let Some(end) = query.not_behind {
            let from = spaces::updated(R::KIND, end.instant()).successor().max(start);
            if changes.rank(self.snapshot, &from)? <= counted {
                return Ok(Some(Place { from, skip: 0 }));
            }
        }
        changes.locate(self.snapshot, counted)
    }

    /// The entries from a place on: `limit` of them, and one more to tell that the list goes on.
    fn entries_from(&self, all: &Key, place: Option<Place>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let Some(place) = place else { return Ok(Vec::new()) };
        let range = KeyRange::prefix(all).from(place.from);
        let most = place.skip.saturating_add(limit + 1);
        let mut entries = self.snapshot.scan(&range, Direction::Forward, most)?;
        entries.drain(..place.skip.min(entries.len()));
        Ok(entries)
    }

    /// The records of entries of the list itself.
    pub(super) fn rows_of_records(&self, entries: Vec<Entry>) -> Result<Vec<Row<R>>, Error> {
        let all = spaces::records(R::KIND);
        let row = |entry: Entry| {
            let number = number_in(entry.key.after(&all).unwrap_or_default())?;
            Ok(self.row(number, entry.value)?)
        };
        entries.into_iter().map(row).collect()
    }

    /// The records of numbers that an index has. Those of a page by last change mostly stand close together in the list, and
    /// are then read as a part of it, which costs less than to look for each.
    pub(super) fn rows(&self, numbers: &[RecordNumber]) -> Result<Vec<Row<R>>, Error> {
        if let Some((first, last)) = close_together(numbers) {
            return self.rows_among(first, last, numbers);
        }
        let keys: Vec<Key> = numbers.iter().map(|number| spaces::numbered(R::KIND, *number)).collect();
        let rows = numbers.iter().zip(self.snapshot.get_many(&keys)?);
        rows.map(|(number, bytes)| Ok(self.row(*number, bytes.ok_or_else(damaged_key)?)?)).collect()
    }

    /// The records of numbers that lie between two, in their order.
    fn rows_among(
        &self,
        first: RecordNumber,
        last: RecordNumber,
        numbers: &[RecordNumber],
    ) -> Result<Vec<Row<R>>, Error> {
        let all = spaces::records(R::KIND);
        let range = KeyRange::prefix(&all)
            .from(spaces::numbered(R::KIND, first))
            .until(spaces::numbered(R::KIND, last).successor());
        let most = clamp(last.get() - first.get() + 1);
        let entries = self.snapshot.scan(&range, Direction::Forward, most)?;
        let number = |entry: &Entry| number_in(entry.key.after(&all).unwrap_or_default());
        let stored = entries.iter().map(number).collect::<Result<Vec<_>, _>>()?;
        let row = |number: &RecordNumber| {
            let entry = stored.binary_search(number).ok().and_then(|place| entries.get(place));
            Ok(self.row(*number, entry.ok_or_else(damaged_key)?.value.clone())?)
        };
        numbers.iter().map(row).collect()
    }

    /// Adds the members that are read from other records.
    pub(crate) fn join(&self, rows: &mut [Row<R>]) -> Result<(), Error> {
        let model = self.model();
        if model.joins().is_empty() {
            return Ok(());
        }
        let records = rows.iter().map(Row::record).collect::<Result<Vec<_>, _>>()?;
        let joined = join(self.snapshot, model, &records, false)?;
        drop(records);
        for (row, joined) in rows.iter_mut().zip(joined) {
            row.set_joined(joined);
        }
        Ok(())
    }
}

impl<T> Page<T> {
    /// The same page with each record converted.
    pub(crate) fn try_map<U>(self, read: impl FnMut(T) -> Result<U, Error>) -> Result<Page<U>, Error> {
        let records = self.records.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Page { records, has_more: self.has_more, total: self.total, end: self.end })
    }
}

/// The least and the greatest of several numbers, if few others lie between them.
fn close_together(numbers: &[RecordNumber]) -> Option<(RecordNumber, RecordNumber)> {
    let (first, last) = (*numbers.iter().min()?, *numbers.iter().max()?);
    let between = last.get() - first.get() + 1;
    let most = count(numbers.len()) + count(numbers.len()) / 2;
    (numbers.len() >= FEW && between <= most).then_some((first, last))
}

pub(super) fn numbers_of(entries: &[Entry]) -> Result<Vec<RecordNumber>, StoreError> {
    entries.iter().map(|entry| number_in(&entry.value)).collect()
}

pub(super) fn page<T>(mut records: Vec<T>, limit: usize, total: Option<u64>) -> Page<T> {
    let has_more = records.len() > limit;
    records.truncate(limit);
    Page { records, has_more, total, end: None }
}
