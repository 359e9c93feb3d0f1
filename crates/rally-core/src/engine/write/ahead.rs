//! Keys that a write is going to read, as far as they are known before it begins. A store behind a network reads them in
//! one round trip; a key that is missing here costs one more and nothing else.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::path::encode;
use crate::{
    base::{Kind, RecordNumber, TenantId, Timestamp},
    engine::{
        codec::ChunkNumber,
        keys::{Lists, sets_of, spaces},
        schema::{Body, Member, Model, Record, Rule, Slots, reference_id, text_of},
    },
    store::Key,
};

/// The records that a write is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject {
    /// The record with this id.
    Known(Uuid),
    /// The record with this id, which is going to be deleted.
    Gone(Uuid),
    /// New records. The first is expected to get this number.
    New(RecordNumber),
}

/// Keys that a verb on these bodies reads before it decides, or to change them.
pub(crate) fn keys_ahead<'b>(
    model: &Model,
    subject: Subject,
    bodies: impl IntoIterator<Item = &'b Body<'b>>,
) -> Vec<Key> {
    let kind = model.kind();
    let mut keys = BTreeSet::from([spaces::lists(kind)]);
    keys.extend(model.summed().map(|_| spaces::sums(kind)));
    let mut number = match subject {
        Subject::Known(id) => {
            keys.insert(spaces::record(kind, id));
            Some(RecordNumber::of(id))
        }
        Subject::Gone(id) => {
            keys.insert(spaces::record(kind, id));
            keys.extend(Lists::keys_of_removal(kind, RecordNumber::of(id)));
            None
        }
        Subject::New(expected) => Some(expected),
    };
    for body in bodies {
        for (slot, _, fold) in model.natural_keys() {
            let folded = body.value(slot).and_then(|json| fold(&text_of(json)));
            keys.extend(folded.map(|folded| spaces::unique(kind, slot, &folded)));
        }
        for (member, value) in body.values(model) {
            keys.extend(keys_of_reference(kind, member, value));
        }
        if let Some(at) = number {
            keys.extend(chunks_of(model, subject, body, at));
            number = Some(at.next());
        }
    }
    keys.into_iter().collect()
}

/// The record that a member refers to, and the newest reference to it.
fn keys_of_reference(kind: Kind, member: &Member, value: &str) -> Vec<Key> {
    // The rule has made the value, so it is an id.
    let (Rule::Reference(of), Ok(Some(target))) = (member.rule, reference_id(value.as_bytes())) else {
        return Vec::new();
    };
    let newest = member.index.filter(|_| member.keeps_newest);
    let newest = newest.map(|index| spaces::newest(kind, index, target));
    [spaces::record(of, target)].into_iter().chain(newest).collect()
}

/// The chunks of the indexes that a record with the members of a body is put into.
fn chunks_of(model: &Model, subject: Subject, body: &Body<'_>, number: RecordNumber) -> Vec<Key> {
    let mut members = Slots::default();
    drop(body.apply(model, &mut members));
    if let Subject::Known(_) = subject {
        // It leaves the chunk of its former word, which may be any.
        let choices = model.stored().filter(|(_, member)| matches!(member.rule, Rule::Choice(_)));
        choices.for_each(|(slot, _)| members.set(slot, ""));
    }
    let never = Timestamp::from_micros(0);
    let record = encode(model, Uuid::nil(), never, (never, 0), &members);
    let sets =
        Record::read(TenantId::DIRECTORY, Uuid::nil(), &record).and_then(|record| sets_of(model, &record));
    // A body at fault can lack what an index is made of; the write then refuses it.
    let (chunk, _) = ChunkNumber::of(number);
    sets.map_or_else(|_| Vec::new(), |sets| sets.iter().map(|set| spaces::chunk(set, chunk)).collect())
}
