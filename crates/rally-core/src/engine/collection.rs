use std::marker::PhantomData;

use uuid::Uuid;

use super::{
    Bytes, ListQuery, Resource, Row, Session,
    list::check_limit,
    sequence::{Order, Place, Sequence},
    spaces,
};
use crate::{
    base::{Error, Id, Timestamp, limits},
    store::{Direction, Key, KeyRange, Snapshot, StoreError},
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
        let key = spaces::record(R::KIND, id.as_uuid());
        match self.session.snapshot()?.get(&key)? {
            Some(bytes) => Ok(self.row(id.as_uuid(), bytes)),
            None => Err(Error::not_found(R::KIND.noun())),
        }
    }

    /// Part of the list of all records, in the order of creation, or of their last change after
    /// [`updated_since`](ListQuery::updated_since). Page and total are of the same moment.
    ///
    /// # Errors
    /// [`Code::Validation`](crate::Code::Validation) when the limit is outside 1 to
    /// [`limits::PAGE`](crate::limits::PAGE).
    pub fn list(&self, query: &ListQuery) -> Result<Page<R>, Error> {
        self.session.require(R::READ)?;
        check_limit(query.limit, limits::PAGE)?;
        let snapshot = self.session.snapshot()?;
        match query.updated_since {
            None => self.list_created(&*snapshot, query),
            Some(since) => self.list_updated(&*snapshot, query, since),
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

    /// Where the store has a natural key.
    pub(crate) fn natural_key(slot: u8, folded: &str) -> Key {
        spaces::unique(R::KIND, slot, folded)
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
        let ids = entries.iter().map(|entry| Uuid::from_slice(&entry.value).map_err(|_| damaged_key()));
        let ids: Vec<Uuid> = ids.collect::<Result<_, _>>()?;
        let keys: Vec<Key> = ids.iter().map(|id| spaces::record(R::KIND, *id)).collect();
        let rows = ids.iter().zip(snapshot.get_many(&keys)?).map(|(id, bytes)| match bytes {
            Some(bytes) => Ok(self.row(*id, bytes)),
            None => Err(damaged_key()),
        });
        Ok(page(rows.collect::<Result<_, _>>()?, query.limit, total))
    }
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

fn page<R>(mut rows: Vec<Row<R>>, limit: usize, total: Option<u64>) -> Page<R> {
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    Page { rows, has_more, total }
}

pub(crate) fn damaged_key() -> Error {
    StoreError::Corrupt { what: "a list that names no record".to_owned() }.into()
}
