//! The keys by which records are found: natural keys, values of indexed members, beginnings of names, and the newest
//! record that refers to another. All of them are derived from the record alone, so a change moves only the keys that
//! differ.
//!
//! The records with a value are a set of numbers in chunks (see `numbers`), in the order of the list.

use std::borrow::Cow;

use smallvec::SmallVec;
use uuid::Uuid;

use super::{ChunkChanges, IndexedValue, NameChanges, numbers, spaces};
use crate::{
    base::{Kind, Profile, RecordNumber, Tags, unicode::fold_name},
    engine::{
        codec::{self, NewestV1, RecordHead},
        schema::{
            Fold, IndexNumber, Member, Model, Record, Rule, ValueFaults, ValueSource, plain, quote,
            reference_id, unquote,
        },
    },
    store::{Batch, Key, Overlay, Snapshot, StoreError},
};

/// Letters of a name that the index keeps; a longer search is compared with the records found.
pub(crate) const SEARCHED_LETTERS: usize = 32;

/// Room for a name, in bytes, which most do not exceed.
const NAME_ROOM: usize = 64;

/// Keys or values that a member has, mostly few.
type Few<T> = SmallVec<[T; 4]>;

/// A batch, and the changes of sets that are still to be put into it.
pub(crate) struct Target<'t, 's> {
    pub(crate) overlay: &'t mut Overlay<'s>,
    pub(crate) chunks: &'t mut ChunkChanges,
    pub(crate) names: &'t mut NameChanges,
}

impl Target<'_, '_> {
    /// Puts a record under a natural key or into a set, or takes it out.
    fn change(&mut self, member: &Member, key: Key, number: RecordNumber, is_in: bool) {
        match (member.natural_key, is_in) {
            (Some(_), true) => self.overlay.put(key, number.to_value()),
            (Some(_), false) => self.overlay.delete(key),
            (None, true) => self.chunks.insert(key, number),
            (None, false) => self.chunks.remove(key, number),
        }
    }
}

/// Moves the keys of a record from those of its state before to those of its state after a change.
pub(crate) fn move_keys(
    target: &mut Target<'_, '_>,
    model: &'static Model,
    id: Uuid,
    before: Option<&Record<'_>>,
    after: Option<&Record<'_>>,
) -> Result<(), StoreError> {
    let (kind, number) = (model.kind(), RecordNumber::of(id));
    for member in model.members().iter().filter(|member| is_found_by(member)) {
        let (was, is) = (value(member, before)?, value(member, after)?);
        if was == is {
            continue;
        }
        // A new record, as most of a bulk are, has no keys to compare with.
        if was.is_empty() {
            each_key(kind, member, &is, |key| target.change(member, key, number, true))?;
        } else {
            let (old, new) = (keys(kind, member, &was)?, keys(kind, member, &is)?);
            let gone = old.iter().filter(|key| !new.contains(key));
            gone.for_each(|key| target.change(member, key.clone(), number, false));
            let come = new.into_iter().filter(|key| !old.contains(key));
            come.for_each(|key| target.change(member, key, number, true));
        }
        if let Some(index) = member.index.filter(|_| member.keeps_newest)
            && let Some(record) = after.or(before)
        {
            let newest =
                NewestV1 { record: number.get(), created_at: record.parts.head.created_at.as_micros() };
            move_newest(target, kind, index, newest, (reference_id(&was)?, reference_id(&is)?))?;
        }
    }
    move_searched(target, model, number, before, after)
}

/// The sets of a record's indexed members, as far as their values are known.
pub(crate) fn sets_of(model: &Model, record: &Record<'_>) -> Result<Vec<Key>, StoreError> {
    let mut sets = Vec::new();
    for member in model.members().iter().filter(|member| member.index.is_some()) {
        match (member.index, member.rule, &*value(member, Some(record))?) {
            // A rule may give it any of its values.
            (Some(index), Rule::Choice(words), b"") => {
                let words = words.words.iter().map(|word| IndexedValue::text(&quote(word)));
                sets.extend(words.map(|word| spaces::indexed(model.kind(), index, word)));
            }
            (.., json) => sets.extend(keys(model.kind(), member, json)?),
        }
    }
    Ok(sets)
}

fn is_found_by(member: &Member) -> bool {
    member.natural_key.is_some() || member.index.is_some()
}

/// The JSON text of a member's value, empty without one.
fn value<'r>(member: &Member, record: Option<&Record<'r>>) -> Result<Cow<'r, [u8]>, StoreError> {
    match (record, member.source) {
        (Some(record), ValueSource::Slot(slot)) => Ok(record.slot(slot).into()),
        (Some(record), source) => {
            let mut text = Vec::with_capacity(NAME_ROOM);
            record.write_value(source, &mut text)?;
            Ok(text.into())
        }
        (None, _) => Ok(Cow::Borrowed(b"")),
    }
}

/// The natural keys of a value, or the sets of records that have it.
fn keys(kind: Kind, member: &Member, json: &[u8]) -> Result<Few<Key>, StoreError> {
    let mut keys = Few::new();
    each_key(kind, member, json, |key| keys.push(key))?;
    Ok(keys)
}

fn each_key(kind: Kind, member: &Member, json: &[u8], mut take: impl FnMut(Key)) -> Result<(), StoreError> {
    match (member.natural_key, member.slot(), member.index) {
        (Some(fold), Some(slot), _) => {
            if let Some(folded) = natural_key(fold, json)? {
                take(spaces::unique(kind, slot, &folded));
            }
            Ok(())
        }
        (_, _, Some(index)) => each_value(member, json, |value| take(spaces::indexed(kind, index, value))),
        _ => Ok(()),
    }
}

/// The natural key of a member's value, given as the JSON text that a rule has made of it; `None` without a value.
pub(crate) fn natural_key(fold: Fold, json: &[u8]) -> Result<Option<String>, StoreError> {
    // What rules for natural keys leave in ASCII differs from the key by the size of its letters alone.
    match plain(json) {
        Some(text) if !text.is_empty() => Ok(Some(text.to_ascii_lowercase())),
        _ => Ok(fold(&unquote(json)?)),
    }
}

/// The values under which a member of a record is indexed.
fn values(member: &Member, json: &[u8]) -> Result<Few<IndexedValue>, StoreError> {
    let mut values = Few::new();
    each_value(member, json, |value| values.push(value))?;
    Ok(values)
}

fn each_value(member: &Member, json: &[u8], mut take: impl FnMut(IndexedValue)) -> Result<(), StoreError> {
    if json.is_empty() {
        return Ok(());
    }
    match member.rule {
        Rule::Reference(_) | Rule::Id => {
            let id = reference_id(json).map_err(|_| damaged(member))?;
            id.into_iter().for_each(|id| take(IndexedValue::id(id)));
        }
        Rule::TagLine | Rule::Tags => match plain(json) {
            Some(line) => Tags::of_line(line).for_each(|tag| take(IndexedValue::text(tag))),
            None => {
                let tags: Tags = serde_json::from_slice(json).map_err(|_| damaged(member))?;
                tags.iter().for_each(|tag| take(IndexedValue::text(tag)));
            }
        },
        _ => take(IndexedValue::text(std::str::from_utf8(json).map_err(|_| damaged(member))?)),
    }
    Ok(())
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
    target: &mut Target<'_, '_>,
    kind: Kind,
    index: IndexNumber,
    record: NewestV1,
    (was, is): (Option<Uuid>, Option<Uuid>),
) -> Result<(), StoreError> {
    if let Some(was) = was {
        let key = spaces::newest(kind, index, was);
        if newest_at(target.overlay, &key)?.is_some_and(|newest| newest.record == record.record) {
            match last(target, kind, &spaces::indexed(kind, index, IndexedValue::id(was)))? {
                Some(left) => target.overlay.put(key, codec::encode(&left)?),
                None => target.overlay.delete(key),
            }
        }
    }
    if let Some(is) = is {
        let key = spaces::newest(kind, index, is);
        if newest_at(target.overlay, &key)?.is_none_or(|newest| newest.record < record.record) {
            target.overlay.put(key, codec::encode(&record)?);
        }
    }
    Ok(())
}

fn newest_at(snapshot: &dyn Snapshot, key: &Key) -> Result<Option<NewestV1>, StoreError> {
    snapshot.get(key)?.map(|bytes| codec::decode(&bytes)).transpose()
}

/// The last record of a set.
fn last(target: &Target<'_, '_>, kind: Kind, set: &Key) -> Result<Option<NewestV1>, StoreError> {
    let mut state = Overlay::new(&*target.overlay, Batch::new());
    // The set has moved already, so what is left in it is all that still refers.
    target.chunks.apply_one(set, &mut state)?;
    let Some(number) = numbers::last(&state, set)? else { return Ok(None) };
    let record = target.overlay.get(&spaces::numbered(kind, number))?.ok_or_else(damaged_key)?;
    let created_at = RecordHead::read(&record)?.created_at.as_micros();
    Ok(Some(NewestV1 { record: number.get(), created_at }))
}

/// The error for a key that leads to no record.
pub(crate) fn damaged_key() -> StoreError {
    StoreError::Corrupt { what: "a list that names no record".to_owned() }
}

/// Reads the number that a key leads to.
pub(crate) fn number_in(bytes: &[u8]) -> Result<RecordNumber, StoreError> {
    RecordNumber::from_bytes(bytes).ok_or_else(damaged_key)
}

fn move_searched(
    target: &mut Target<'_, '_>,
    model: &'static Model,
    number: RecordNumber,
    before: Option<&Record<'_>>,
    after: Option<&Record<'_>>,
) -> Result<(), StoreError> {
    if before.is_none() && model.is_searched() {
        target.names.add(model, number);
    }
    // All names of a record together: two of them may share a key, which goes only when neither has it any more.
    let (mut old, mut new, mut is_same) = (Few::new(), Few::new(), true);
    for member in model.members().iter().filter(|member| member.searched) {
        let (was, is) = (value(member, before)?, value(member, after)?);
        is_same &= was == is;
        old.extend(search_key(model.kind(), member, number, &was)?);
        new.extend(search_key(model.kind(), member, number, &is)?);
    }
    if is_same {
        return Ok(());
    }
    old.into_iter().filter(|key| !new.contains(key)).for_each(|key| target.overlay.delete(key));
    new.into_iter().for_each(|key| target.overlay.put(key, Vec::new()));
    if before.is_some() { target.names.change(model, number, before, after) } else { Ok(()) }
}

/// The search key of a name. One that is found by its natural key needs none.
fn search_key(
    kind: Kind,
    member: &Member,
    number: RecordNumber,
    json: &[u8],
) -> Result<Option<Key>, StoreError> {
    let (folded, is_natural) = match plain(json) {
        Some(_) if member.natural_key.is_some() => return Ok(None),
        Some(text) => (text.to_ascii_lowercase(), false),
        None => {
            let text = unquote(json)?;
            let folded = fold_name(&text);
            let natural = member.natural_key.and_then(|natural| natural(&text));
            let is_natural = natural.is_some_and(|key| key == folded);
            (folded, is_natural)
        }
    };
    if folded.is_empty() || is_natural {
        return Ok(None);
    }
    Ok(Some(spaces::search(kind, beginning(&folded)).byte(0).bytes(&number.to_bytes())))
}

/// The part of a folded text that the index keeps.
pub(crate) fn beginning(folded: &str) -> &str {
    cut(folded, SEARCHED_LETTERS)
}

/// The first letters of a text, at most so many.
pub(super) fn cut(text: &str, letters: usize) -> &str {
    if text.len() <= letters {
        return text;
    }
    text.char_indices().nth(letters).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// Hands on the folded texts that a record is found by when its names are searched. Most are in a buffer that is used
/// again for the next.
pub(super) fn each_name(
    model: &Model,
    record: &Record<'_>,
    mut take: impl FnMut(&str),
) -> Result<(), StoreError> {
    let mut name = String::with_capacity(NAME_ROOM);
    for member in model.members().iter().filter(|member| member.searched) {
        let json = value(member, Some(record))?;
        if let Some(text) = plain(&json) {
            name.clear();
            name.push_str(text);
            name.make_ascii_lowercase();
            take(&name);
        } else {
            other_names(member, &json)?.iter().for_each(|name| take(name));
        }
    }
    Ok(())
}

/// The folded texts of a name that is not plain.
fn other_names(member: &Member, json: &[u8]) -> Result<Vec<String>, StoreError> {
    let text = unquote(json)?;
    // A natural key can fold otherwise than a name, as a domain does to ASCII; a search finds both.
    let natural = member.natural_key.and_then(|natural| natural(&text));
    Ok(natural.into_iter().chain([fold_name(&text)]).collect())
}

/// True when a name of a record, whole, begins with a folded text.
pub(crate) fn begins(model: &Model, record: &Record<'_>, folded: &str) -> Result<bool, StoreError> {
    for member in model.members().iter().filter(|member| member.searched) {
        let json = value(member, Some(record))?;
        let begins = match plain(&json) {
            Some(text) => {
                text.get(..folded.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(folded))
            }
            None => other_names(member, &json)?.iter().any(|name| name.starts_with(folded)),
        };
        if begins {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::schema::{fold_domain, fold_email};

    fn check(rule: Rule, fold: Fold, text: &str) {
        let raw = quote(text);
        let Ok(json) = rule.read(&raw, Profile::Strict) else { return };
        let key = natural_key(fold, json.as_bytes()).unwrap();
        assert_eq!(key, fold(&unquote(json.as_bytes()).unwrap()), "{text}");
    }

    proptest! {
        #[test]
        fn the_natural_key_of_a_plain_text_is_the_one_that_its_letters_fold_to(
            local in "[aB1_+.'é\\-]{1,6}",
            host in "(https?://)?(www[.]|WWW[.])?([aB1é\\-]{1,6}|xn--bcher-kva|XN--BCHER-KVA|xn--80ak6aa92e)",
            end in "[.](example|COM|xn--p1ai|рф)[.]?(:80)?(/x)?",
        ) {
            check(Rule::Domain, fold_domain, &format!("{host}{end}"));
            check(Rule::Email, fold_email, &format!("{local}@{host}{end}"));
            check(Rule::Email, fold_email, &format!("{local}@x.example"));
        }
    }
}
