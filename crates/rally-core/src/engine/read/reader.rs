//! Reading the records of one resource at one moment.

use std::marker::PhantomData;

use uuid::Uuid;

use super::{ListPosition, ListQuery, selection::Ids};
use crate::{
    base::{Error, Timestamp},
    engine::{
        codec::{Bytes, Slot},
        keys::{IndexedValue, Order, Place, Sequence, damaged_key, spaces},
        schema::{IndexNumber, Model, Record, Resource, Row, TenantInfo, join},
    },
    store::{Direction, Entry, Key, KeyRange, Snapshot, StoreError, read_uuid},
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
        let bytes = bytes.ok_or_else(|| Error::not_found(R::KIND.noun()))?;
        Ok(self.row(id, bytes))
    }

    /// The record that has a natural key, which is folded already, without joined members.
    pub(crate) fn find_by_key(&self, slot: Slot, folded: &str) -> Result<Option<Row<R>>, Error> {
        let Some(id) = self.snapshot.get(&spaces::unique(R::KIND, slot, folded))? else { return Ok(None) };
        let id = read_uuid(&id).ok_or_else(damaged_key)?;
        let record = self.snapshot.get(&spaces::record(R::KIND, id))?.ok_or_else(damaged_key)?;
        Ok(Some(self.row(id, record)))
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

    /// Looks at each record whose indexed member is the id `target`, in the order of creation.
    pub(crate) fn each_indexed(
        &self,
        index: IndexNumber,
        target: Uuid,
        mut look: impl FnMut(&Record<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut ids = Ids::indexed(self.snapshot, R::KIND, index, IndexedValue::id(target));
        loop {
            let some = ids.next_many(AT_ONCE)?;
            if some.is_empty() {
                return Ok(());
            }
            for row in self.rows(&some)? {
                look(&row.record()?)?;
            }
        }
    }

    /// The first record whose indexed member has a value, with its joined members.
    pub(crate) fn first_indexed(
        &self,
        index: IndexNumber,
        value: IndexedValue,
    ) -> Result<Option<Row<R>>, Error> {
        match Ids::indexed(self.snapshot, R::KIND, index, value).next()? {
            Some(id) => self.get(id).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn row(&self, id: Uuid, bytes: Bytes) -> Row<R> {
        Row::new(self.tenant.id, id, bytes)
    }

    fn list_created(&self, query: &ListQuery<R>) -> Result<Page<Row<R>>, Error> {
        let all = spaces::records(R::KIND);
        let start = query.after.map(|id| ListPosition::created(id.as_uuid()).behind(R::KIND));
        let start = start.unwrap_or_else(|| all.clone());
        let sequence = match (query.offset, query.count) {
            (0, false) => None,
            _ => Some(Sequence::load(R::KIND, Order::Created, self.snapshot)?),
        };
        let total = sequence.as_ref().filter(|_| query.count).map(Sequence::len);
        let place = match &sequence {
            Some(sequence) if query.offset > 0 => {
                let before = match query.after {
                    Some(_) => sequence.rank(self.snapshot, &start)?,
                    None => 0,
                };
                self.place_of_page(sequence, query, start, before)?
            }
            _ => Some(Place { from: start, skip: 0 }),
        };
        let entries = self.entries_from(&all, place, query.limit)?;
        Ok(page(self.rows_of_records(entries)?, query.limit, total))
    }

    fn list_updated(&self, query: &ListQuery<R>, since: Timestamp) -> Result<Page<Row<R>>, Error> {
        let all = spaces::all_updated(R::KIND);
        let start = ListPosition::changed(since).behind(R::KIND);
        let (mut place, mut total) = (Some(Place { from: start.clone(), skip: 0 }), None);
        if query.offset > 0 || query.count {
            let sequence = Sequence::load(R::KIND, Order::Updated, self.snapshot)?;
            let before = sequence.rank(self.snapshot, &start)?;
            if query.count {
                total = Some(sequence.len().saturating_sub(before));
            }
            if query.offset > 0 {
                place = self.place_of_page(&sequence, query, start, before)?;
            }
        }
        let rows = self.rows(&ids_of(&self.entries_from(&all, place, query.limit)?)?)?;
        Ok(page(rows, query.limit, total))
    }

    /// The place of a page by offset, in a list that begins at `start` behind `before` entries of its sequence: where
    /// counting leads, or at the end of the page before if that is earlier.
    fn place_of_page(
        &self,
        sequence: &Sequence,
        query: &ListQuery<R>,
        start: Key,
        before: u64,
    ) -> Result<Option<Place>, StoreError> {
        let counted = before.saturating_add(query.offset);
        if let Some(end) = query.not_behind {
            let from = end.behind(R::KIND).max(start);
            if sequence.rank(self.snapshot, &from)? <= counted {
                return Ok(Some(Place { from, skip: 0 }));
            }
        }
        sequence.locate(self.snapshot, counted)
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
            let id = entry.key.after(&all).and_then(read_uuid).ok_or_else(damaged_key)?;
            Ok(self.row(id, entry.value))
        };
        entries.into_iter().map(row).collect()
    }

    /// The records of ids that an index has.
    pub(super) fn rows(&self, ids: &[Uuid]) -> Result<Vec<Row<R>>, Error> {
        let keys: Vec<Key> = ids.iter().map(|id| spaces::record(R::KIND, *id)).collect();
        let rows = ids.iter().zip(self.snapshot.get_many(&keys)?).map(|(id, bytes)| match bytes {
            Some(bytes) => Ok(self.row(*id, bytes)),
            None => Err(damaged_key().into()),
        });
        rows.collect()
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

pub(super) fn ids_of(entries: &[Entry]) -> Result<Vec<Uuid>, StoreError> {
    entries.iter().map(|entry| read_uuid(&entry.value).ok_or_else(damaged_key)).collect()
}

pub(super) fn page<T>(mut records: Vec<T>, limit: usize, total: Option<u64>) -> Page<T> {
    let has_more = records.len() > limit;
    records.truncate(limit);
    Page { records, has_more, total, end: None }
}
