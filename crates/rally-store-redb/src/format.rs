//! The tables in the tree of a Rally file, and the moment of the journal up to which they are.

use bytes::Bytes;
use rally_core::{TenantId, store::Key};
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, Table, TableDefinition, TableError,
    WriteTransaction,
};
use uuid::Uuid;

use crate::{
    OpenError,
    journal::Mark,
    layers::{Filling, Layer},
};

/// Every tenant's keys: the number of the tenant, then the bytes of the key.
pub(crate) const DATA: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rally");

/// The numbers of the tenants, by the 16 bytes of each.
pub(crate) const TENANTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rally_tenants");

/// The changes whose places in the tree are damaged: the tenant and the key, then 0 for a deletion or 1 and the value.
const ASIDE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rally_aside");

/// A table of its own, because a row beside the tenants' keys would cost each commit a path through the large tree.
const META: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rally_meta");
const MARK_ROW: &[u8] = b"folded";
/// The bytes of the tenants' keys and values.
const LIVE_ROW: &[u8] = b"live";

/// Leaves in a transaction that the journal is folded up to a moment.
pub(crate) fn sign(txn: &WriteTransaction, mark: Mark) -> Result<(), redb::Error> {
    let bytes = [mark.number.to_be_bytes(), mark.at.to_be_bytes()].concat();
    txn.open_table(META)?.insert(MARK_ROW, bytes.as_slice())?;
    Ok(())
}

/// The bytes of a row of the tenants' keys and values.
pub(crate) fn row_bytes(key: &[u8], value: &[u8]) -> u64 {
    u64::try_from(key.len().saturating_add(value.len())).unwrap_or(u64::MAX)
}

/// Counts bytes of keys and values that there are more.
pub(crate) fn add_live(txn: &WriteTransaction, grown: i64) -> Result<(), redb::Error> {
    let before = txn.open_table(META)?.get(LIVE_ROW)?.and_then(|found| read_live(found.value()));
    let damaged = || redb::Error::Corrupted("the count of its bytes is none".to_owned());
    set_live(txn, before.ok_or_else(damaged)?.saturating_add_signed(grown))
}

/// Sets the count of the bytes of keys and values.
pub(crate) fn set_live(txn: &WriteTransaction, bytes: u64) -> Result<(), redb::Error> {
    txn.open_table(META)?.insert(LIVE_ROW, bytes.to_be_bytes().as_slice())?;
    Ok(())
}

/// The bytes of the tenants' keys and values; `None` if the count is damaged.
pub(crate) fn live(reader: &ReadTransaction) -> Result<Option<u64>, redb::Error> {
    Ok(row(reader, LIVE_ROW)?.and_then(|found| read_live(&found)))
}

fn read_live(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

/// Makes the tables of a new store.
pub(crate) fn initialise(db: &Database) -> Result<(), redb::Error> {
    let mut txn = db.begin_write()?;
    txn.set_quick_repair(true);
    txn.open_table(DATA)?;
    txn.open_table(TENANTS)?;
    txn.open_table(ASIDE)?;
    sign(&txn, Mark::default())?;
    set_live(&txn, 0)?;
    txn.commit()?;
    Ok(())
}

/// The moment up to which the journal is folded.
pub(crate) fn folded(db: &Database, place: &str) -> Result<Mark, OpenError> {
    let reader = db.begin_read().map_err(|error| failed(place, error))?;
    let found = row(&reader, MARK_ROW).map_err(|error| failed(place, error))?;
    let mark = found.as_deref().and_then(|bytes| {
        let (number, at) = bytes.split_first_chunk()?;
        Some(Mark { number: u64::from_be_bytes(*number), at: u64::from_be_bytes(at.try_into().ok()?) })
    });
    let damaged = || OpenError::Damaged {
        place: place.to_owned(),
        what: "it does not say how far its journal is folded".to_owned(),
    };
    mark.ok_or_else(damaged)
}

/// The table of the changes that are kept aside.
pub(crate) struct Aside<'t>(Table<'t, &'static [u8], &'static [u8]>);

impl<'t> Aside<'t> {
    pub(crate) fn of(txn: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self(txn.open_table(ASIDE)?))
    }

    pub(crate) fn put(
        &mut self,
        tenant: TenantId,
        key: &Key,
        value: Option<&Bytes>,
    ) -> Result<(), redb::Error> {
        let mut row = vec![u8::from(value.is_some())];
        row.extend_from_slice(value.map_or(&[][..], |value| value));
        self.0.insert(aside_key(tenant, key).as_slice(), row.as_slice())?;
        Ok(())
    }

    pub(crate) fn remove(&mut self, tenant: TenantId, key: &Key) -> Result<(), redb::Error> {
        self.0.remove(aside_key(tenant, key).as_slice())?;
        Ok(())
    }
}

fn aside_key(tenant: TenantId, key: &Key) -> Vec<u8> {
    [tenant.as_uuid().as_bytes(), key.as_bytes()].concat()
}

/// The changes that are kept aside.
pub(crate) fn aside(db: &Database, place: &str) -> Result<Layer, OpenError> {
    match read_aside(db) {
        Ok(Some(layer)) => Ok(layer),
        Ok(None) => Err(OpenError::Damaged {
            place: place.to_owned(),
            what: "a change kept aside is none".to_owned(),
        }),
        Err(error) => Err(failed(place, error)),
    }
}

/// Reads the table of the changes that are kept aside; `None` if a row is not one.
fn read_aside(db: &Database) -> Result<Option<Layer>, redb::Error> {
    let mut filling = Filling::default();
    let reader = db.begin_read()?;
    for row in reader.open_table(ASIDE)?.iter()? {
        let (key, value) = row?;
        let Some((tenant, key)) = key.value().split_first_chunk() else { return Ok(None) };
        let (Some(key), Some((kind, value))) = (Key::from_bytes(key), value.value().split_first()) else {
            return Ok(None);
        };
        let value = if *kind == 0 { None } else { Some(Bytes::copy_from_slice(value)) };
        filling.put(TenantId::from_uuid(Uuid::from_bytes(*tenant)), key, value);
    }
    Ok(Some(filling.finish()))
}

/// A row of the meta table; `None` also when there is no such table.
fn row(reader: &ReadTransaction, key: &[u8]) -> Result<Option<Vec<u8>>, redb::Error> {
    match reader.open_table(META) {
        Ok(table) => Ok(table.get(key)?.map(|found| found.value().to_vec())),
        Err(TableError::Storage(error)) => Err(error.into()),
        Err(_) => Ok(None),
    }
}

pub(crate) fn failed(place: &str, error: impl Into<redb::Error>) -> OpenError {
    let place = place.to_owned();
    match error.into() {
        redb::Error::Corrupted(what) => OpenError::Damaged { place, what },
        error => OpenError::Failed { place, source: error.into() },
    }
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;

    #[test]
    fn a_mark_is_read_back_and_damage_at_another_length() {
        let db = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
        assert!(matches!(folded(&db, "memory"), Err(OpenError::Damaged { .. })));
        initialise(&db).unwrap();
        assert_eq!(folded(&db, "memory").unwrap(), Mark::default());
        let put = |write: &dyn Fn(&WriteTransaction)| {
            let txn = db.begin_write().unwrap();
            write(&txn);
            txn.commit().unwrap();
        };
        let mark = Mark { number: 7, at: 640 };
        put(&|txn| sign(txn, mark).unwrap());
        assert_eq!(folded(&db, "memory").unwrap(), mark);
        for length in [0, 8, 15, 17] {
            put(&|txn| {
                drop(txn.open_table(META).unwrap().insert(MARK_ROW, vec![7; length].as_slice()).unwrap())
            });
            assert!(matches!(folded(&db, "memory"), Err(OpenError::Damaged { .. })), "{length}");
        }
    }
}
