use std::marker::PhantomData;

use uuid::Uuid;

use super::{
    Bytes, ListQuery, Record, Resource, Row, Session, join,
    list::check_limit,
    selection::{Ids, Selection},
    sequence::{Order, Place, Sequence},
    spaces::{self, Term},
    stage::Of,
};
use crate::{
    base::{Error, Id, Timestamp, limits},
    store::{Direction, Key, KeyRange, Snapshot, StoreError, read_uuid},
};

/// All records of one kind of a tenant, as far as the session's scope allows.
#[derive(Debug)]
pub struct Collection<'s, R> {
    pub(crate) session: &'s Session,
    of: PhantomData<fn() -> R>,
}

// Derives would ask the same of `R`.
impl<R> Clone for Collection<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Collection<'_, R> {}

/// Part of a list.
#[derive(Debug)]
pub struct Page<R> {
    /// The records.
    pub rows: Vec<Row<R>>,
    /// True when the list goes on behind them.
    pub has_more: bool,
    /// How many there are in the whole list, if that was asked for.
    pub total: Option<u64>,
}

impl<'s, R: Resource> Collection<'s, R> {
    pub(crate) fn new(session: &'s Session) -> Self {
        Self { session, of: PhantomData }
    }

    /// The record with an id.
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound) when this tenant has none, whoever else may have.
    pub fn get(&self, id: Id<R>) -> Result<Row<R>, Error> {
        self.session.require(R::READ)?;
        let snapshot = self.session.snapshot()?;
        let mut row = self.existing(&*snapshot, id)?;
        self.join(&*snapshot, std::slice::from_mut(&mut row))?;
        Ok(row)
    }

    /// Part of the list of all records, or of those that the query narrows it to, in the order of creation, or of their
    /// last change after [`updated_since`](ListQuery::updated_since). Page and total are of the same moment.
    ///
    /// # Errors
    /// [`Code::Validation`](crate::Code::Validation) when the limit is outside 1 to
    /// [`limits::PAGE`](crate::limits::PAGE), or for filters that the resource does not have.
    pub fn list(&self, query: &ListQuery) -> Result<Page<R>, Error> {
        self.session.require(R::READ)?;
        check_limit(query.limit, limits::PAGE)?;
        let selection = Selection::of(Of::resource::<R>(), query)?;
        let snapshot = self.session.snapshot()?;
        let mut page = match (selection, query.updated_since) {
            (None, None) => self.list_created(&*snapshot, query),
            (None, Some(since)) => self.list_updated(&*snapshot, query, since),
            (Some(selection), None) => self.list_selected(&*snapshot, query, &selection),
            (Some(selection), Some(since)) => {
                self.list_selected_updated(&*snapshot, query, since, &selection)
            }
        }?;
        if !query.without_joined {
            self.join(&*snapshot, &mut page.rows)?;
        }
        Ok(page)
    }

    /// The record with an id, without what is joined to it.
    pub(crate) fn existing(&self, snapshot: &dyn Snapshot, id: Id<R>) -> Result<Row<R>, Error> {
        let bytes = snapshot.get(&spaces::record(R::KIND, id.as_uuid()))?;
        let bytes = bytes.ok_or_else(|| Error::not_found(R::KIND.noun()))?;
        Ok(self.row(id.as_uuid(), bytes))
    }

    /// Looks at each record of which an indexed member is an id, in the order of creation.
    pub(crate) fn each_indexed(
        &self,
        snapshot: &dyn Snapshot,
        index: u8,
        target: Uuid,
        mut look: impl FnMut(&Record<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut ids = Ids::indexed(snapshot, R::KIND, index, Term::id(target));
        loop {
            let some = ids.next_many(AT_ONCE)?;
            if some.is_empty() {
                return Ok(());
            }
            for row in self.rows(snapshot, &some)? {
                look(&row.record()?)?;
            }
        }
    }

    /// The record that has a natural key, which is folded already.
    pub(crate) fn find(
        &self,
        snapshot: &dyn Snapshot,
        slot: u8,
        folded: &str,
    ) -> Result<Option<Row<R>>, Error> {
        self.session.require(R::READ)?;
        let Some(id) = snapshot.get(&spaces::unique(R::KIND, slot, folded))? else { return Ok(None) };
        let id = Uuid::from_slice(&id).map_err(|_| damaged_key())?;
        let record = snapshot.get(&spaces::record(R::KIND, id))?.ok_or_else(damaged_key)?;
        Ok(Some(self.row(id, record)))
    }

    pub(crate) fn row(&self, id: Uuid, bytes: Bytes) -> Row<R> {
        Row::new(self.session.tenant().id, id, bytes)
    }

    fn list_created(&self, snapshot: &dyn Snapshot, query: &ListQuery) -> Result<Page<R>, Error> {
        let all = spaces::records(R::KIND);
        let sequence = match (query.offset, query.count) {
            (0, false) => None,
            _ => Some(Sequence::load(R::KIND, Order::Created, snapshot)?),
        };
        let total = sequence.as_ref().filter(|_| query.count).map(Sequence::len);
        let entries = match &sequence {
            Some(sequence) if query.offset > 0 => match sequence.locate(snapshot, query.offset)? {
                Some(place) => from(snapshot, &all, &place, query.limit)?,
                None => Vec::new(),
            },
            _ => snapshot.scan(&KeyRange::prefix(&all), Direction::Forward, query.limit + 1)?,
        };
        let row = |entry: crate::store::Entry| {
            let id = entry.key.after(&all).and_then(crate::store::read_uuid).ok_or_else(damaged_key)?;
            Ok(self.row(id, entry.value))
        };
        let rows: Vec<Row<R>> = entries.into_iter().map(row).collect::<Result<_, Error>>()?;
        Ok(page(rows, query.limit, total))
    }

    fn list_updated(
        &self,
        snapshot: &dyn Snapshot,
        query: &ListQuery,
        since: Timestamp,
    ) -> Result<Page<R>, Error> {
        let all = spaces::all_updated(R::KIND);
        let start = spaces::updated(R::KIND, since).successor();
        let (mut place, mut total) = (Some(Place { from: start.clone(), skip: 0 }), None);
        if query.offset > 0 || query.count {
            let sequence = Sequence::load(R::KIND, Order::Updated, snapshot)?;
            let before = sequence.rank(snapshot, &start)?;
            total = query.count.then(|| sequence.len().saturating_sub(before));
            if query.offset > 0 {
                place = sequence.locate(snapshot, before.saturating_add(query.offset))?;
            }
        }
        let entries = match place {
            Some(place) => from(snapshot, &all, &place, query.limit)?,
            None => Vec::new(),
        };
        let rows = self.rows(snapshot, &ids_of(&entries)?)?;
        Ok(page(rows, query.limit, total))
    }

    /// The records of ids that an index names.
    pub(crate) fn rows(&self, snapshot: &dyn Snapshot, ids: &[Uuid]) -> Result<Vec<Row<R>>, Error> {
        let keys: Vec<Key> = ids.iter().map(|id| spaces::record(R::KIND, *id)).collect();
        let rows = ids.iter().zip(snapshot.get_many(&keys)?).map(|(id, bytes)| match bytes {
            Some(bytes) => Ok(self.row(*id, bytes)),
            None => Err(damaged_key()),
        });
        rows.collect()
    }

    /// Adds what is read from other records.
    fn join(&self, snapshot: &dyn Snapshot, rows: &mut [Row<R>]) -> Result<(), Error> {
        if R::model().joins().is_empty() {
            return Ok(());
        }
        let records = rows.iter().map(Row::record).collect::<Result<Vec<_>, _>>()?;
        let joined = join::join(snapshot, R::model(), &records, false)?;
        drop(records);
        for (row, joined) in rows.iter_mut().zip(joined) {
            row.set_joined(joined);
        }
        Ok(())
    }
}

/// Records that are read together where a list cannot tell which of them it wants.
pub(crate) const AT_ONCE: usize = 1_000;

pub(crate) fn ids_of(entries: &[crate::store::Entry]) -> Result<Vec<Uuid>, Error> {
    entries.iter().map(|entry| read_uuid(&entry.value).ok_or_else(damaged_key)).collect()
}

/// The entries from a place on: `limit` of them, and one more to tell whether the list goes on.
fn from(
    snapshot: &dyn Snapshot,
    all: &Key,
    place: &Place,
    limit: usize,
) -> Result<Vec<crate::store::Entry>, StoreError> {
    let range = KeyRange::prefix(all).from(place.from.clone());
    let mut entries = snapshot.scan(&range, Direction::Forward, place.skip.saturating_add(limit + 1))?;
    entries.drain(..place.skip.min(entries.len()));
    Ok(entries)
}

pub(crate) fn page<R>(mut rows: Vec<Row<R>>, limit: usize, total: Option<u64>) -> Page<R> {
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    Page { rows, has_more, total }
}

pub(crate) fn damaged_key() -> Error {
    StoreError::Corrupt { what: "a list that names no record".to_owned() }.into()
}
