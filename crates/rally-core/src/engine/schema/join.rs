//! Members that are read from another row together with the record, such as another record's name. They are not stored
//! with the record, so they are never stale, and a change of them is no change of the record.

use std::collections::BTreeMap;

use super::{Model, Record};
use crate::{
    base::Error,
    engine::codec::{self, Bytes, RecordHead, RecordParts},
    store::{Key, Snapshot, StoreError},
};

/// Rule by which a member is read from another row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Join {
    /// The key of the row that a record's member is read from, if it has one.
    pub(crate) key: fn(&Record<'_>) -> Result<Option<Key>, StoreError>,
    /// True when the row exists only if other records refer to this one; a new record has none then.
    pub(crate) is_of_others: bool,
    /// Appends the JSON text of the value, if there is one.
    pub(crate) write: WriteJoined,
}

/// Takes the record, the other row, and the buffer to append to.
type WriteJoined = fn(&Record<'_>, &[u8], &mut Vec<u8>) -> Result<(), Error>;

/// Joined members of each record, encoded like a record; empty if the resource has none.
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
        let asked = joins.iter().filter(|join| !(is_new && join.is_of_others));
        asked.filter_map(move |join| (join.key)(record).transpose())
    };
    let rows = read(snapshot, records.iter().flat_map(keys))?;
    let values = records.iter().map(|record| {
        let mut texts = Vec::with_capacity(joins.len());
        for join in joins {
            let mut text = Vec::new();
            if let Some(Some(row)) = (join.key)(record)?.and_then(|key| rows.get(&key)) {
                (join.write)(record, row, &mut text)?;
            }
            texts.push(text);
        }
        Ok(codec::encode_record(RecordHead::none(), texts.iter().map(Vec::as_slice)))
    });
    values.collect()
}

/// The rows of keys, each read once, all in one round trip.
fn read(
    snapshot: &dyn Snapshot,
    keys: impl Iterator<Item = Result<Key, StoreError>>,
) -> Result<BTreeMap<Key, Option<Bytes>>, Error> {
    let mut rows: BTreeMap<Key, Option<Bytes>> =
        keys.map(|key| Ok((key?, None))).collect::<Result<_, StoreError>>()?;
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
