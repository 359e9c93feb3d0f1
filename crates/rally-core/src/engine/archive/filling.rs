//! Rows on their way into a tenant that nobody can see yet.

use super::selection::Selection;
use crate::{
    base::{Code, Error, TenantId},
    engine::{
        codec::{self, FillingV1, HeadV1, IncarnationV1},
        keys::{Breaks, spaces},
        session::Engine,
    },
    store::{Abort, Batch, Commit, Direction, Entry, Incarnation, Key, KeyRange, Snapshot, StoreError},
};

/// Attempts at a batch whose outcome is unknown, or that another write came between. Each batch has the same effect
/// however often it is applied.
const ATTEMPTS: usize = 5;

/// Rows of a tenant that one batch deletes.
const CLEARED_AT_ONCE: usize = 1_000;

/// The filling of a tenant. Of several of one tenant the last that has begun goes on, and the others end with their next
/// batch.
#[derive(Debug)]
pub(crate) struct Filling<'e> {
    engine: &'e Engine,
    tenant: TenantId,
    token: [u8; 16],
}

/// A condition on a tenant's newest state.
pub(crate) type Check<'c> = &'c dyn Fn(&dyn Snapshot) -> Result<(), Abort>;

impl<'e> Filling<'e> {
    /// Begins with an empty tenant: what an earlier filling has left is deleted.
    pub(crate) fn begin(engine: &'e Engine, tenant: TenantId) -> Result<Self, Error> {
        let filling = Self::claim(engine, tenant, &|_| Ok(()))?;
        filling.clear()?;
        Ok(filling)
    }

    /// [`begin`](Self::begin) of a tenant that is the caller's. Whether it still is, is asked once no other filling can go
    /// on, as it could have been published by another until then.
    pub(crate) fn begin_own(
        engine: &'e Engine,
        tenant: TenantId,
        check_own: &dyn Fn() -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let filling = Self::claim(engine, tenant, &|_| Ok(()))?;
        if let Err(error) = check_own() {
            filling.abandon()?;
            return Err(error);
        }
        filling.clear()?;
        Ok(filling)
    }

    /// Deletes what an earlier filling has left.
    fn clear(&self) -> Result<(), Error> {
        for family in spaces::FAMILIES {
            while self.clear_some(&KeyRange::prefix(&Key::new(*family)))? {}
        }
        Ok(())
    }

    /// Begins with a tenant as it is, if it is as it should be.
    pub(crate) fn claim(engine: &'e Engine, tenant: TenantId, check: Check<'_>) -> Result<Self, Error> {
        let filling = Self { engine, tenant, token: engine.random() };
        filling.write(&mut |newest| {
            check(newest)?;
            let mut batch = Batch::new();
            batch.put(spaces::filling(), codec::encode(&FillingV1 { token: filling.token })?);
            Ok(batch)
        })?;
        Ok(filling)
    }

    /// Deletes the first rows of a range; false if there are none.
    fn clear_some(&self, range: &KeyRange) -> Result<bool, Error> {
        let mut is_empty = true;
        self.write(&mut |newest| {
            self.check(newest)?;
            let mut batch = Batch::new();
            let rows = newest.scan(range, Direction::Forward, CLEARED_AT_ONCE)?;
            is_empty = rows.is_empty();
            rows.into_iter().for_each(|row| batch.delete(row.key));
            Ok(batch)
        })?;
        Ok(!is_empty)
    }

    /// Puts rows in, as far as they are chosen.
    pub(crate) fn put(&self, rows: Vec<Entry>, selection: &Selection) -> Result<(), Error> {
        let mut batch = Batch::new();
        for row in rows {
            if let Some(row) = selection.pick(row)? {
                batch.put(row.key, row.value);
            }
        }
        self.put_batch(&batch)
    }

    /// Puts the rows of a batch in.
    pub(crate) fn put_batch(&self, batch: &Batch) -> Result<(), Error> {
        self.write(&mut |newest| {
            self.check(newest)?;
            Ok(batch.clone())
        })
    }

    /// Notes that another tenant is being filled because of this one.
    pub(crate) fn note(&self, other: TenantId) -> Result<(), Error> {
        let mut batch = Batch::new();
        batch.put(spaces::filled(other), Vec::new());
        self.put_batch(&batch)
    }

    /// The tenants that were noted by this filling or by an earlier one that has not ended.
    pub(crate) fn noted(&self) -> Result<Vec<TenantId>, Error> {
        let snapshot = self.snapshot()?;
        let notes =
            snapshot.scan(&KeyRange::prefix(&spaces::all_filled()), Direction::Forward, usize::MAX)?;
        Ok(notes.iter().filter_map(|note| spaces::read_filled(&note.key)).collect())
    }

    /// The tenant as it is now.
    pub(crate) fn snapshot(&self) -> Result<Box<dyn Snapshot + 'e>, Error> {
        Ok(self.engine.store().snapshot(self.tenant)?)
    }

    /// Ends the filling with a change of the tenant's head, and of the breaks of its feed.
    pub(crate) fn finish(self, change: &dyn Fn(&mut HeadV1, &mut Breaks)) -> Result<(), Error> {
        self.end(&|newest, batch| {
            let row = newest.get(&spaces::head())?;
            let mut head: HeadV1 = row.map_or_else(|| Ok(HeadV1::default()), |row| codec::decode(&row))?;
            let mut breaks = Breaks::load(newest)?;
            change(&mut head, &mut breaks);
            batch.put(spaces::head(), codec::encode(&head)?);
            if !breaks.is_empty() {
                breaks.save(batch)?;
            }
            Ok(())
        })
    }

    /// Ends the filling without anything.
    pub(crate) fn abandon(self) -> Result<(), Error> {
        self.end(&|_, _| Ok(()))
    }

    /// Ends the filling with a last batch.
    pub(crate) fn end(
        self,
        last: &dyn Fn(&dyn Snapshot, &mut Batch) -> Result<(), Abort>,
    ) -> Result<(), Error> {
        let mut has_run = false;
        self.write(&mut |newest| {
            let mut batch = Batch::new();
            // An earlier attempt may have ended it without an answer.
            if std::mem::replace(&mut has_run, true) && newest.get(&spaces::filling())?.is_none() {
                return Ok(batch);
            }
            self.check(newest)?;
            last(newest, &mut batch)?;
            batch.delete(spaces::filling());
            let present = newest.incarnation()?;
            if present != Incarnation::ONLY {
                let row = IncarnationV1 { number: present.number() };
                batch.put(spaces::incarnation(), codec::encode(&row)?);
            }
            let notes =
                newest.scan(&KeyRange::prefix(&spaces::all_filled()), Direction::Forward, usize::MAX)?;
            notes.into_iter().for_each(|note| batch.delete(note.key));
            Ok(batch)
        })
    }

    /// Checks that no other filling of the tenant has begun since.
    fn check(&self, newest: &dyn Snapshot) -> Result<(), Abort> {
        let known = newest.get(&spaces::filling())?;
        let known: Option<FillingV1> = known.map(|row| codec::decode(&row)).transpose()?;
        if known.is_some_and(|known| known.token == self.token) { Ok(()) } else { Err(Abort::Refused) }
    }

    fn write(&self, build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>) -> Result<(), Error> {
        let mut attempts = ATTEMPTS;
        loop {
            attempts -= 1;
            match self.engine.store().write(self.tenant, build) {
                Ok(Commit::Applied) => return Ok(()),
                Ok(Commit::Refused) => return Err(overtaken()),
                Err(StoreError::Conflict | StoreError::CommitUnknown { .. }) if attempts > 0 => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn overtaken() -> Error {
    Error::new(
        Code::Conflict,
        "another import or restore has begun, or the place is no longer free; this one ends",
    )
}
