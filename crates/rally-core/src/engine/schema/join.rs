//! Members that are read from other rows at the moment when the record is: another record's name, for example. They are
//! never stored with the record, so they are never behind, and a change of theirs is no change of it.

use std::collections::BTreeMap;

use super::{Model, Record};
use crate::{
    base::{Error, Timestamp},
    engine::codec::{self, Bytes, RecordParts},
    store::{Key, Snapshot, StoreError},
};

/// How a member is read from another row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Join {
    /// The key of the row that a record's member is read from, if it has one.
    pub(crate) key: fn(&Record<'_>) -> Option<Key>,
    /// True when such a row comes from references to the record, so that a new record has none.
    pub(crate) is_of_others: bool,
    /// Appends the JSON text of the value, if there is one.
    pub(crate) write: Write,
}

/// Takes the record, the other row, and where to append.
type Write = fn(&Record<'_>, &[u8], &mut Vec<u8>) -> Result<(), Error>;

/// The joined members of records, each record's as bytes like its own; nothing where the resource has none.
pub(crate) fn join(
    snapshot: &dyn Snapshot,
    model: &Model,
    records: &[Record<'_>],
    is_new: bool,
) -> Result<Vec<Bytes>, Error> {
    let joins = model.joins();
    if joins.is_empty() {
        return Ok(vec![Bytes::new(); records.len()]);
    }
    let keys = |record| {
        joins.iter().filter(|join| !(is_new && join.is_of_others)).map(move |join| (join.key)(record))
    };
    let rows = read(snapshot, records.iter().flat_map(keys).flatten())?;
    let values = records.iter().map(|record| {
        let mut texts = Vec::with_capacity(joins.len());
        for join in joins {
            let mut text = Vec::new();
            if let Some(Some(row)) = (join.key)(record).and_then(|key| rows.get(&key)) {
                (join.write)(record, row, &mut text)?;
            }
            texts.push(text);
        }
        let none = Timestamp::from_micros(0);
        Ok(codec::encode_record(none, none, texts.iter().map(Vec::as_slice)))
    });
    values.collect()
}

/// The rows of keys, each read once, all in one round trip.
fn read(
    snapshot: &dyn Snapshot,
    keys: impl Iterator<Item = Key>,
) -> Result<BTreeMap<Key, Option<Bytes>>, Error> {
    let mut rows: BTreeMap<Key, Option<Bytes>> = keys.map(|key| (key, None)).collect();
    let keys: Vec<Key> = rows.keys().cloned().collect();
    for (row, value) in rows.values_mut().zip(snapshot.get_many(&keys)?) {
        *row = value;
    }
    Ok(rows)
}

/// Joined members as [`join`] made them; `None` of bytes that are empty.
pub(crate) fn parts(joined: &[u8]) -> Result<Option<RecordParts<'_>>, StoreError> {
    if joined.is_empty() { Ok(None) } else { RecordParts::read(joined).map(Some) }
}
