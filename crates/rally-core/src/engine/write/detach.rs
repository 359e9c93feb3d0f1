//! References to a record that is going to be deleted, each of which is cleared by a change of the record that held it.
//! Records are read and taken off their lists many at a time.

use uuid::Uuid;

use super::{Change, Definition, Link, Transaction, change::next_version, consequences, path::encode};
use crate::{
    base::{Code, Error, Kind, limits},
    engine::{
        codec::{Bytes, RecordParts},
        keys::{IndexedValue, spaces},
        schema::{IndexNumber, Record, Slots},
    },
    store::StoreError,
};

/// Records that are read, and whose places in the list by last change are looked for, at once.
const AT_ONCE: usize = 1_000;

/// Clears the references to a record.
pub(super) fn clear_references(
    transaction: &mut Transaction<'_>,
    definition: Definition,
    id: Uuid,
) -> Result<(), Error> {
    let links = (definition.links)(definition.kind());
    // All references are found before one is cleared: a host's transaction may go on after a refused verb, which must
    // have changed nothing.
    let referring = referring(transaction, definition.kind(), &links, id)?;
    for (link, records) in links.iter().zip(&referring) {
        for records in records.chunks(AT_ONCE) {
            clear_some(transaction, link, records, id)?;
        }
    }
    Ok(())
}

/// The records that refer to one, for each link those that do so by it.
fn referring(
    transaction: &Transaction<'_>,
    kind: Kind,
    links: &[Link],
    id: Uuid,
) -> Result<Vec<Vec<Uuid>>, Error> {
    let (mut referring, mut left) = (Vec::new(), limits::LINKS);
    for link in links {
        let (index, value) = (IndexNumber::of(link.slot), IndexedValue::id(id));
        let found = transaction.indexed(link.from.kind(), index, value, left + 1)?;
        left = left.checked_sub(found.len()).ok_or_else(|| too_many_links(kind))?;
        referring.push(found);
    }
    Ok(referring)
}

fn clear_some(
    transaction: &mut Transaction<'_>,
    link: &Link,
    records: &[Uuid],
    target: Uuid,
) -> Result<(), Error> {
    let definition = link.from.of_tenant(transaction.tenant());
    let kind = definition.kind();
    let keys = records.iter().map(|id| spaces::record(kind, *id));
    let newest = spaces::newest(kind, IndexNumber::of(link.slot), target);
    transaction.prefetch(&keys.chain([newest]).collect::<Vec<_>>())?;
    let find = |id: &Uuid| -> Result<_, StoreError> {
        Ok((*id, transaction.find(kind, *id)?.ok_or_else(|| damaged_link(kind))?))
    };
    let found = records.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let mut versions = found
        .iter()
        .map(|(_, record)| Ok(RecordParts::read(record)?.updated_at))
        .collect::<Result<Vec<_>, StoreError>>()?;
    versions.sort_unstable();
    consequences::leave_change_order(transaction, kind, &versions)?;
    for (id, record) in &found {
        clear_reference(transaction, definition, (*id, record), link)?;
    }
    Ok(())
}

/// Clears a reference of a record that has left the list by last change. The rules of the record's resource do not run:
/// they check what callers send.
fn clear_reference(
    transaction: &mut Transaction<'_>,
    definition: Definition,
    (id, record): (Uuid, &Bytes),
    link: &Link,
) -> Result<(), Error> {
    let tenant = transaction.tenant().id;
    let before = Record::read(tenant, id, record)?;
    let mut members = Slots::read(&before.parts)?;
    members.set(link.slot, "");
    let at = transaction.tick()?;
    let version = (at, next_version(&before.parts)?);
    let after = encode(definition.model, before.parts.created_at, version, &members);
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

fn too_many_links(kind: Kind) -> Error {
    let most = limits::LINKS;
    let detail = format!("more than {most} records name this {kind}; change some of them first");
    Error::new(Code::LimitExceeded, detail)
}

fn damaged_link(kind: Kind) -> StoreError {
    StoreError::Corrupt { what: format!("an index that names no {kind}") }
}
