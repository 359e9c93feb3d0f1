//! Rows on their way into a tenant that nobody can see yet.

use super::selection::Selection;
use crate::{
    base::{Code, Error, TenantId},
    engine::{
        codec::{self, FillingV1, HeadV1},
        keys::spaces,
        session::Engine,
    },
    store::{Abort, Batch, Commit, Direction, Entry, Key, KeyRange, Snapshot, StoreError},
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

impl<'e> Filling<'e> {
    /// Begins with an empty tenant: what an earlier filling has left is deleted.
    pub(crate) fn begin(engine: &'e Engine, tenant: TenantId) -> Result<Self, Error> {
        let filling = Self { engine, tenant, token: engine.random() };
        filling.write(&mut |_| {
            let mut batch = Batch::new();
            batch.put(spaces::filling(), codec::encode(&FillingV1 { token: filling.token })?);
            Ok(batch)
        })?;
        for family in spaces::FAMILIES {
            while filling.clear_some(&KeyRange::prefix(&Key::new(*family)))? {}
        }
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
        self.write(&mut |newest| {
            self.check(newest)?;
            Ok(batch.clone())
        })
    }

    /// Ends the filling with a change of the tenant's head.
    pub(crate) fn finish(self, change: impl Fn(&mut HeadV1)) -> Result<(), Error> {
        self.end(&|newest, batch| {
            let row = newest.get(&spaces::head())?;
            let mut head: HeadV1 = row.map_or_else(|| Ok(HeadV1::default()), |row| codec::decode(&row))?;
            change(&mut head);
            batch.put(spaces::head(), codec::encode(&head)?);
            Ok(())
        })
    }

    /// Ends the filling without anything.
    pub(crate) fn abandon(self) -> Result<(), Error> {
        self.end(&|_, _| Ok(()))
    }

    fn end(&self, last: &dyn Fn(&dyn Snapshot, &mut Batch) -> Result<(), StoreError>) -> Result<(), Error> {
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
    Error::new(Code::Conflict, "another import of this tenant has begun, and this one ends")
}
