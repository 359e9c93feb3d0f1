//! References to a record that is going to be deleted, each of which is cleared, or led to another record, by a change of
//! the record that holds it. Records are read and taken off their lists many at a time.

use uuid::Uuid;

use super::{
    Change, Definition, Deletion, Link, Transaction, change::next_version, consequences, path::encode,
};
use crate::{
    base::{Error, RecordNumber},
    engine::{
        codec::{Bytes, RecordHead},
        keys::{IndexedValue, spaces},
        schema::{IndexNumber, Record, Slots, quote},
    },
    store::StoreError,
};

/// Records that are read, and whose places in the list by last change are looked for, at once: of the first, whose size is
/// not known yet, and at most.
const FIRST: usize = 100;
const AT_ONCE: usize = 1_000;

/// Records that refer to another, for each link those that do so by it.
type Referring = Vec<(Link, Vec<RecordNumber>)>;

/// Changes all references to a record; false if they are more than may be changed at once.
pub(super) fn all(transaction: &mut Transaction<'_>, deletion: &Deletion) -> Result<bool, Error> {
    // All references are found before one is changed: a host's transaction may go on after a refused verb, which must
    // have changed nothing.
    match referring(transaction, deletion)? {
        (referring, true) => change(transaction, deletion, &referring),
        (_, false) => Ok(false),
    }
}

/// Changes as many references to a record as may be changed at once; true if none is left.
pub(super) fn some(transaction: &mut Transaction<'_>, deletion: &Deletion) -> Result<bool, Error> {
    let (referring, are_all) = referring(transaction, deletion)?;
    Ok(change(transaction, deletion, &referring)? && are_all)
}

/// As many records as may be changed at once that refer to the one to be deleted; true if these are all.
fn referring(transaction: &Transaction<'_>, deletion: &Deletion) -> Result<(Referring, bool), Error> {
    let definition = deletion.definition;
    let (mut referring, mut left) = (Vec::new(), deletion.at_once.records);
    for link in (definition.links)(definition.kind()) {
        let (index, value) = (IndexNumber::of(link.slot), IndexedValue::id(deletion.id));
        let mut found = transaction.indexed(link.from.kind(), index, value, left + 1)?;
        let are_more = found.len() > left;
        found.truncate(left);
        left -= found.len();
        referring.push((link, found));
        if are_more {
            return Ok((referring, false));
        }
    }
    Ok((referring, true))
}

/// Changes references, up to the bytes of records that may be changed at once; true if all are changed.
fn change(
    transaction: &mut Transaction<'_>,
    deletion: &Deletion,
    referring: &Referring,
) -> Result<bool, Error> {
    let (mut done, mut bytes) = (0, 0);
    for (link, records) in referring {
        let mut rest = records.as_slice();
        while !rest.is_empty() {
            let next = match (deletion.at_once.bytes.saturating_sub(bytes), done) {
                (0, _) => return Ok(false),
                (_, 0) => FIRST,
                (left, done) => (left / (bytes / done).max(1)).clamp(1, AT_ONCE),
            };
            let (some, others) = rest.split_at(next.min(rest.len()));
            bytes += change_some(transaction, link, some, deletion)?;
            (done, rest) = (done + some.len(), others);
        }
    }
    Ok(true)
}

/// Changes the references of some records, and tells the bytes of these.
fn change_some(
    transaction: &mut Transaction<'_>,
    link: &Link,
    records: &[RecordNumber],
    deletion: &Deletion,
) -> Result<usize, Error> {
    let definition = link.from.of_tenant(transaction.tenant());
    let kind = definition.kind();
    let keys = records.iter().map(|number| spaces::numbered(kind, *number));
    let named = [Some(deletion.id), deletion.heir].into_iter().flatten();
    let newest = named.map(|id| spaces::newest(kind, IndexNumber::of(link.slot), id));
    transaction.prefetch(&keys.chain(newest).collect::<Vec<_>>())?;
    let found = transaction.numbered(kind, records)?;
    let mut versions = found
        .iter()
        .map(|(_, record)| Ok(RecordHead::read(record)?.updated_at))
        .collect::<Result<Vec<_>, StoreError>>()?;
    versions.sort_unstable();
    consequences::leave_change_order(transaction, kind, &versions)?;
    let reference = deletion.heir.map(|heir| quote(&heir.to_string())).unwrap_or_default();
    for (id, record) in &found {
        change_reference(transaction, definition, (*id, record), (link, &reference))?;
    }
    Ok(found.iter().map(|(_, record)| record.len()).sum())
}

/// Changes a reference of a record that has left the list by last change. The rules of the record's resource do not run:
/// they check what callers send.
fn change_reference(
    transaction: &mut Transaction<'_>,
    definition: Definition,
    (id, record): (Uuid, &Bytes),
    (link, reference): (&Link, &str),
) -> Result<(), Error> {
    let tenant = transaction.tenant().id;
    let before = Record::read(tenant, id, record)?;
    let mut members = Slots::read(&before.parts)?;
    members.set(link.slot, reference);
    let at = transaction.tick()?;
    let RecordHead { created_at, .. } = before.parts.head;
    let version = (at, next_version(&before.parts.head)?);
    let after = encode(definition.model, id, created_at, version, &members);
    let change = Change {
        definition,
        id,
        at,
        before: Some(before),
        after: Some(Record::read(tenant, id, &after)?),
        has_left_its_place: true,
    };
    consequences::apply(transaction, &change, Some(&after))
}
