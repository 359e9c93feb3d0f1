//! The keys by which records are found: natural keys, values of members, what names begin with, and the newest of those
//! that name another record. All of them follow from the record alone, so a change moves those that it changes.

use std::borrow::Cow;

use unicase::UniCase;
use uuid::Uuid;

use super::{
    Member, Model, Profile, Record,
    member::Source,
    rule::{self, Rule, Wrong},
    spaces::{self, Term},
};
use crate::{
    base::Kind,
    store::{Batch, Direction, Key, KeyRange, Overlay, Snapshot, StoreError, read_uuid},
};

/// Letters of a name that the index keeps; what is asked for beyond them is compared with the record.
pub(crate) const SEARCHED_LETTERS: usize = 32;

/// Moves the keys of a record from what it was to what it is.
pub(crate) fn move_keys(
    overlay: &mut Overlay<'_>,
    (kind, model): (Kind, &Model),
    id: Uuid,
    before: Option<&Record<'_>>,
    after: Option<&Record<'_>>,
) -> Result<(), StoreError> {
    for member in model.members().iter().filter(|member| is_found_by(member)) {
        let (was, is) = (value(member, before), value(member, after));
        if was == is {
            continue;
        }
        let (old, new) = (keys(kind, member, id, &was), keys(kind, member, id, &is));
        let gone = old.iter().filter(|key| !new.contains(key));
        gone.for_each(|key| overlay.batch.delete(key.clone()));
        let come = new.iter().filter(|key| !old.contains(key));
        come.for_each(|key| overlay.batch.put(key.clone(), entry(member, id)));
        if let Some(index) = member.index.filter(|_| member.keeps_newest) {
            move_newest(overlay, kind, index, id, (target(&was), target(&is)))?;
        }
    }
    move_searched(&mut overlay.batch, (kind, model), id, before, after);
    Ok(())
}

fn is_found_by(member: &Member) -> bool {
    member.natural_key.is_some() || member.index.is_some()
}

/// A natural key names its record; of the others the record's id is part.
fn entry(member: &Member, id: Uuid) -> Vec<u8> {
    if member.natural_key.is_some() { id.into_bytes().to_vec() } else { Vec::new() }
}

/// The JSON text of a member's value, empty without one.
fn value<'r>(member: &Member, record: Option<&Record<'r>>) -> Cow<'r, [u8]> {
    match (record, member.source) {
        (Some(record), Source::Slot(slot)) => record.slot(slot).into(),
        (Some(record), source) => {
            let mut text = Vec::new();
            record.write_value(source, &mut text);
            text.into()
        }
        (None, _) => Cow::Borrowed(b""),
    }
}

fn keys(kind: Kind, member: &Member, id: Uuid, json: &[u8]) -> Vec<Key> {
    match (member.natural_key, member.slot(), member.index) {
        (Some(fold), Some(slot), _) => {
            fold(&rule::unquote(json)).iter().map(|folded| spaces::unique(kind, slot, folded)).collect()
        }
        (_, _, Some(index)) => {
            terms(member, json).into_iter().map(|term| spaces::indexed(kind, index, term).uuid(id)).collect()
        }
        _ => Vec::new(),
    }
}

/// The terms under which a value is found.
pub(crate) fn terms(member: &Member, json: &[u8]) -> Vec<Term> {
    if json.is_empty() {
        return Vec::new();
    }
    match member.rule {
        Rule::Reference(_) | Rule::Id => target(json).map(Term::id).into_iter().collect(),
        Rule::TagLine => {
            let line = rule::unquote(json);
            line.split(',').filter(|tag| !tag.is_empty()).map(Term::text).collect()
        }
        Rule::Tags => {
            let tags: Vec<String> = serde_json::from_slice(json).unwrap_or_default();
            tags.iter().map(|tag| Term::text(tag)).collect()
        }
        _ => vec![Term::text(std::str::from_utf8(json).unwrap_or_default())],
    }
}

/// The term under which a value that was asked for is found, given as JSON text.
pub(crate) fn term(member: &Member, json: &str) -> Option<Term> {
    match member.rule {
        Rule::TagLine | Rule::Tags => Some(Term::text(&rule::unquote(json.as_bytes()))),
        _ => terms(member, json.as_bytes()).first().copied(),
    }
}

/// Reads a value that a list is asked for into the JSON text that a record has of it.
pub(crate) fn asked(member: &Member, value: &str) -> Result<String, Wrong> {
    let rule = match member.rule {
        Rule::TagLine if value.contains(',') => return Err("must not hold a comma".into()),
        Rule::TagLine | Rule::Tags => Rule::Tag,
        rule => rule,
    };
    let raw = match rule {
        Rule::Boolean | Rule::Integer { .. } => value.to_owned(),
        _ => rule::quote(value),
    };
    rule.read(&raw, Profile::Strict).map(Cow::into_owned)
}

fn target(json: &[u8]) -> Option<Uuid> {
    rule::reference_id(json)
}

/// Keeps the newest record that names another, as one stops to name it and begins to name the next.
fn move_newest(
    overlay: &mut Overlay<'_>,
    kind: Kind,
    index: u8,
    id: Uuid,
    (was, is): (Option<Uuid>, Option<Uuid>),
) -> Result<(), StoreError> {
    if let Some(was) = was {
        let key = spaces::newest(kind, index, was);
        if id_at(overlay, &key)? == Some(id) {
            match last(overlay, &spaces::indexed(kind, index, Term::id(was)))? {
                Some(left) => overlay.batch.put(key, left.into_bytes().to_vec()),
                None => overlay.batch.delete(key),
            }
        }
    }
    if let Some(is) = is {
        let key = spaces::newest(kind, index, is);
        if id_at(overlay, &key)?.is_none_or(|known| known < id) {
            overlay.batch.put(key, id.into_bytes().to_vec());
        }
    }
    Ok(())
}

fn id_at(snapshot: &dyn Snapshot, key: &Key) -> Result<Option<Uuid>, StoreError> {
    Ok(snapshot.get(key)?.and_then(|bytes| read_uuid(&bytes)))
}

fn last(snapshot: &dyn Snapshot, prefix: &Key) -> Result<Option<Uuid>, StoreError> {
    let last = snapshot.scan(&KeyRange::prefix(prefix), Direction::Backward, 1)?.into_iter().next();
    Ok(last.and_then(|entry| entry.key.after(prefix).and_then(read_uuid)))
}

fn move_searched(
    batch: &mut Batch,
    (kind, model): (Kind, &Model),
    id: Uuid,
    before: Option<&Record<'_>>,
    after: Option<&Record<'_>>,
) {
    let searched = || model.members().iter().filter(|member| member.searched);
    if searched().all(|member| value(member, before) == value(member, after)) {
        return;
    }
    let keys =
        |record| searched().filter_map(move |member| search_key(kind, member, id, &value(member, record)));
    let (old, new): (Vec<Key>, Vec<Key>) = (keys(before).collect(), keys(after).collect());
    old.into_iter().filter(|key| !new.contains(key)).for_each(|key| batch.delete(key));
    new.into_iter().for_each(|key| batch.put(key, Vec::new()));
}

/// What is found by its natural key needs no other one.
fn search_key(kind: Kind, member: &Member, id: Uuid, json: &[u8]) -> Option<Key> {
    let text = rule::unquote(json);
    let folded = fold(&text);
    let is_natural = member.natural_key.and_then(|natural| natural(&text)).is_some_and(|key| key == folded);
    let is_searched = !folded.is_empty() && !is_natural;
    is_searched.then(|| spaces::search(kind, beginning(&folded)).byte(0).uuid(id))
}

/// The form in which names are compared: case-folded (Unicode, full folding).
pub(crate) fn fold(text: &str) -> String {
    UniCase::new(text).to_folded_case()
}

/// As much of a folded text as the index keeps.
pub(crate) fn beginning(folded: &str) -> &str {
    folded.char_indices().nth(SEARCHED_LETTERS).and_then(|(end, _)| folded.get(..end)).unwrap_or(folded)
}

/// Whether a name of a record, whole, begins with a folded text.
pub(crate) fn begins(model: &Model, record: &Record<'_>, folded: &str) -> bool {
    model.members().iter().filter(|member| member.searched).any(|member| {
        let text = rule::unquote(&value(member, Some(record)));
        let natural = member.natural_key.and_then(|natural| natural(&text));
        fold(&text).starts_with(folded) || natural.is_some_and(|key| key.starts_with(folded))
    })
}

/// Whether a member of a record has a term.
pub(crate) fn has_term(member: &Member, record: &Record<'_>, term: Term) -> bool {
    terms(member, &value(member, Some(record))).contains(&term)
}
