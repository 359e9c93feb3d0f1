//! The keys by which records are found: natural keys, values of indexed members, beginnings of names, and the newest
//! record that refers to another. All of them are derived from the record alone, so a change moves only the keys that
//! differ.
//!
//! An entry ends in the record's id, so the entries of one value are in the order of the list, and lists filtered by
//! several values are merged without sorting (see `read/selection`).

use std::borrow::Cow;

use uuid::Uuid;

use super::{IndexedValue, spaces};
use crate::{
    base::{Kind, Profile, Tags, unicode::fold_name},
    engine::schema::{
        IndexNumber, Member, Model, Record, Rule, ValueFaults, ValueSource, quote, reference_id, unquote,
    },
    store::{Direction, Key, KeyRange, Overlay, Snapshot, StoreError, read_uuid},
};

/// Letters of a name that the index keeps; a longer search is compared with the records found.
pub(crate) const SEARCHED_LETTERS: usize = 32;

/// Moves the keys of a record from those of its state before to those of its state after a change.
pub(crate) fn move_keys(
    overlay: &mut Overlay<'_>,
    model: &Model,
    id: Uuid,
    before: Option<&Record<'_>>,
    after: Option<&Record<'_>>,
) -> Result<(), StoreError> {
    let kind = model.kind();
    for member in model.members().iter().filter(|member| is_found_by(member)) {
        let (was, is) = (value(member, before)?, value(member, after)?);
        if was == is {
            continue;
        }
        let (old, new) = (keys(kind, member, id, &was)?, keys(kind, member, id, &is)?);
        let gone = old.iter().filter(|key| !new.contains(key));
        gone.for_each(|key| overlay.delete(key.clone()));
        let come = new.iter().filter(|key| !old.contains(key));
        come.for_each(|key| overlay.put(key.clone(), entry(member, id)));
        if let Some(index) = member.index.filter(|_| member.keeps_newest) {
            move_newest(overlay, kind, index, id, (reference_id(&was)?, reference_id(&is)?))?;
        }
    }
    move_searched(overlay, model, id, before, after)
}

fn is_found_by(member: &Member) -> bool {
    member.natural_key.is_some() || member.index.is_some()
}

/// The value behind a key: a natural key leads to its record by it, the other keys end in the record's id.
fn entry(member: &Member, id: Uuid) -> Vec<u8> {
    if member.natural_key.is_some() { id.into_bytes().to_vec() } else { Vec::new() }
}

/// The JSON text of a member's value, empty without one.
fn value<'r>(member: &Member, record: Option<&Record<'r>>) -> Result<Cow<'r, [u8]>, StoreError> {
    match (record, member.source) {
        (Some(record), ValueSource::Slot(slot)) => Ok(record.slot(slot).into()),
        (Some(record), source) => {
            let mut text = Vec::new();
            record.write_value(source, &mut text)?;
            Ok(text.into())
        }
        (None, _) => Ok(Cow::Borrowed(b"")),
    }
}

fn keys(kind: Kind, member: &Member, id: Uuid, json: &[u8]) -> Result<Vec<Key>, StoreError> {
    match (member.natural_key, member.slot(), member.index) {
        (Some(fold), Some(slot), _) => {
            let folded = fold(&unquote(json)?);
            Ok(folded.iter().map(|folded| spaces::unique(kind, slot, folded)).collect())
        }
        (_, _, Some(index)) => {
            let values = values(member, json)?.into_iter();
            Ok(values.map(|value| spaces::indexed(kind, index, value).uuid(id)).collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// The values under which a member of a record is indexed.
fn values(member: &Member, json: &[u8]) -> Result<Vec<IndexedValue>, StoreError> {
    if json.is_empty() {
        return Ok(Vec::new());
    }
    match member.rule {
        Rule::Reference(_) | Rule::Id => {
            let id = reference_id(json).map_err(|_| damaged(member))?;
            Ok(id.map(IndexedValue::id).into_iter().collect())
        }
        Rule::TagLine | Rule::Tags => {
            let tags: Tags = serde_json::from_slice(json).map_err(|_| damaged(member))?;
            Ok(tags.iter().map(|tag| IndexedValue::text(tag)).collect())
        }
        _ => {
            let text = std::str::from_utf8(json).map_err(|_| damaged(member))?;
            Ok(vec![IndexedValue::text(text)])
        }
    }
}

fn damaged(member: &Member) -> StoreError {
    StoreError::Corrupt { what: format!("the indexed member {}", member.name) }
}

/// The index value of a value that is asked for, given as JSON text.
pub(crate) fn indexed_value(member: &Member, json: &str) -> Result<Option<IndexedValue>, StoreError> {
    match member.rule {
        Rule::TagLine | Rule::Tags => Ok(Some(IndexedValue::text(&unquote(json.as_bytes())?))),
        _ => Ok(values(member, json.as_bytes())?.first().copied()),
    }
}

/// Turns the text of a filter into the JSON text that a record with such a value has.
pub(crate) fn asked(member: &Member, value: &str) -> Result<String, ValueFaults> {
    match member.rule {
        Rule::Boolean | Rule::Integer { .. } => asked_json(member, value),
        _ => asked_json(member, &quote(value)),
    }
}

/// [`asked`] of JSON text. Of tags, one is asked for.
pub(crate) fn asked_json(member: &Member, raw: &str) -> Result<String, ValueFaults> {
    let rule = match member.rule {
        Rule::TagLine if raw.contains(',') => return Err("must not hold a comma".into()),
        Rule::TagLine | Rule::Tags => Rule::Tag,
        rule => rule,
    };
    rule.read(raw, Profile::Strict).map(Cow::into_owned)
}

/// Updates the newest record that refers to another when a record begins or ceases to refer to it.
fn move_newest(
    overlay: &mut Overlay<'_>,
    kind: Kind,
    index: IndexNumber,
    id: Uuid,
    (was, is): (Option<Uuid>, Option<Uuid>),
) -> Result<(), StoreError> {
    if let Some(was) = was {
        let key = spaces::newest(kind, index, was);
        // The index has moved already, so its last entry is the newest of the references that are left.
        if id_at(overlay, &key)? == Some(id) {
            match last(overlay, &spaces::indexed(kind, index, IndexedValue::id(was)))? {
                Some(left) => overlay.put(key, left.into_bytes().to_vec()),
                None => overlay.delete(key),
            }
        }
    }
    if let Some(is) = is {
        let key = spaces::newest(kind, index, is);
        if id_at(overlay, &key)?.is_none_or(|known| known < id) {
            overlay.put(key, id.into_bytes().to_vec());
        }
    }
    Ok(())
}

fn id_at(snapshot: &dyn Snapshot, key: &Key) -> Result<Option<Uuid>, StoreError> {
    let damaged = || StoreError::Corrupt { what: "the newest reference to a record".to_owned() };
    snapshot.get(key)?.map(|bytes| read_uuid(&bytes).ok_or_else(damaged)).transpose()
}

fn last(snapshot: &dyn Snapshot, prefix: &Key) -> Result<Option<Uuid>, StoreError> {
    let last = snapshot.scan(&KeyRange::prefix(prefix), Direction::Backward, 1)?.into_iter().next();
    last.map(|entry| id_behind(&entry.key, prefix)).transpose()
}

/// The error for a key that leads to no record.
pub(crate) fn damaged_key() -> StoreError {
    StoreError::Corrupt { what: "a list that names no record".to_owned() }
}

/// The id at the end of an index entry, after the prefix that all entries of its value share.
pub(crate) fn id_behind(key: &Key, prefix: &Key) -> Result<Uuid, StoreError> {
    let damaged = || StoreError::Corrupt { what: "an index entry without an id".to_owned() };
    key.after(prefix).and_then(read_uuid).ok_or_else(damaged)
}

fn move_searched(
    overlay: &mut Overlay<'_>,
    model: &Model,
    id: Uuid,
    before: Option<&Record<'_>>,
    after: Option<&Record<'_>>,
) -> Result<(), StoreError> {
    // All names of a record together: two of them may share a key, which goes only when neither has it any more.
    let (mut old, mut new, mut is_same) = (Vec::new(), Vec::new(), true);
    for member in model.members().iter().filter(|member| member.searched) {
        let (was, is) = (value(member, before)?, value(member, after)?);
        is_same &= was == is;
        old.extend(search_key(model.kind(), member, id, &was)?);
        new.extend(search_key(model.kind(), member, id, &is)?);
    }
    if is_same {
        return Ok(());
    }
    old.into_iter().filter(|key| !new.contains(key)).for_each(|key| overlay.delete(key));
    new.into_iter().for_each(|key| overlay.put(key, Vec::new()));
    Ok(())
}

/// The search key of a name. One that is found by its natural key needs none.
fn search_key(kind: Kind, member: &Member, id: Uuid, json: &[u8]) -> Result<Option<Key>, StoreError> {
    let text = unquote(json)?;
    let folded = fold_name(&text);
    let is_natural = member.natural_key.and_then(|natural| natural(&text)).is_some_and(|key| key == folded);
    if folded.is_empty() || is_natural {
        return Ok(None);
    }
    Ok(Some(spaces::search(kind, beginning(&folded)).byte(0).uuid(id)))
}

/// The part of a folded text that the index keeps.
pub(crate) fn beginning(folded: &str) -> &str {
    folded.char_indices().nth(SEARCHED_LETTERS).and_then(|(end, _)| folded.get(..end)).unwrap_or(folded)
}

/// True when a name of a record, whole, begins with a folded text.
pub(crate) fn begins(model: &Model, record: &Record<'_>, folded: &str) -> Result<bool, StoreError> {
    for member in model.members().iter().filter(|member| member.searched) {
        let text = unquote(&value(member, Some(record))?)?;
        // A natural key can fold otherwise than a name, as a domain does to ASCII; a search finds both.
        let natural = member.natural_key.and_then(|natural| natural(&text));
        if fold_name(&text).starts_with(folded) || natural.is_some_and(|key| key.starts_with(folded)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// True when a member of a record is indexed under a value.
pub(crate) fn has_value(
    member: &Member,
    record: &Record<'_>,
    indexed: IndexedValue,
) -> Result<bool, StoreError> {
    Ok(values(member, &value(member, Some(record))?)?.contains(&indexed))
}
