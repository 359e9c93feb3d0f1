//! Names of records, in the order of records: how a search that very many names match is answered without reading them.
//!
//! The entries of names that `index` keeps are in the order of the names. They answer a search that few match. For one that
//! many match there are, for each chunk of records and each first letter, a row with the beginnings of the names of these
//! records (`codec/names`), so that a page costs about what it shows and a total a row a chunk. These rows are made when
//! a chunk is whole, that is, when all of its numbers are given; so a new record writes none of them, and every 1,024th
//! those of its chunk. The records of the open chunk are looked at. A change of a name in a whole chunk, or a deletion,
//! changes the rows.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{
    Lists,
    index::{begins, cut, each_name},
    number_in,
    numbers::chunk_number,
    spaces,
};
use crate::{
    base::{Kind, RecordNumber, TenantId, clamp, invariant},
    engine::{
        codec::{Chunk, ChunkNumber, ChunkPlace, NamedPlace, Names},
        schema::{Model, Record},
    },
    store::{Direction, Entry, Key, KeyRange, Overlay, Snapshot, StoreError},
};

/// Letters of a name that are kept here. Of a longer text that is searched, what is found are candidates.
const KEPT_LETTERS: usize = 16;

/// The records with a name that begins with a text, as far as names are kept.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    tenant: TenantId,
    model: &'static Model,
    text: String,
    /// Prefix of the rows with the text's first letter.
    pub(super) set: Key,
    /// The first chunk that has no rows.
    pub(super) open: ChunkNumber,
}

impl Named {
    /// The records with a name that begins with a folded text.
    pub(crate) fn beginning_with(
        text: &str,
        tenant: TenantId,
        model: &'static Model,
        snapshot: &dyn Snapshot,
    ) -> Result<Self, StoreError> {
        let (first, _) = first_letter(text);
        let first = invariant(first, "an empty text searches for nothing");
        let open = Lists::load(model.kind(), snapshot)?.open_chunk();
        let (text, set) = (kept(text).to_owned(), spaces::names(model.kind(), first));
        Ok(Self { tenant, model, text, set, open })
    }

    /// True when all found records have a name that begins with the text, and are no candidates.
    pub(crate) fn is_exact(text: &str) -> bool {
        kept(text).len() == text.len()
    }

    /// The records that a row is of.
    pub(super) fn read(&self, entry: &Entry) -> Result<(ChunkNumber, Chunk), StoreError> {
        Ok((chunk_number(&entry.key, &self.set)?, self.read_value(&entry.value)?))
    }

    pub(super) fn read_value(&self, value: &[u8]) -> Result<Chunk, StoreError> {
        let (_, behind) = first_letter(&self.text);
        Names::beginning_with(value, behind.as_bytes())
    }

    /// The records of the open chunk, found by looking at each.
    pub(super) fn read_open(&self, snapshot: &dyn Snapshot) -> Result<Chunk, StoreError> {
        let mut found = Chunk::default();
        for entry in records_of(self.model.kind(), self.open, snapshot)? {
            let number = number_of(self.model.kind(), &entry)?;
            if begins(self.model, &Record::numbered(self.tenant, number, &entry.value)?, &self.text)? {
                found.insert(ChunkNumber::of(number).1);
            }
        }
        Ok(found)
    }
}

/// Changes of names that a transaction has made and not yet put into its batch.
#[derive(Debug, Default)]
pub(crate) struct NameChanges {
    /// Names that have come or gone, in the order of the changes.
    moved: Vec<Moved>,
    /// The models of the kinds that have new records, and the chunks of these.
    grown: Vec<(&'static Model, BTreeSet<ChunkNumber>)>,
}

/// A name that a record begins to have, or has no more.
#[derive(Debug)]
struct Moved {
    kind: Kind,
    name: String,
    place: (ChunkNumber, ChunkPlace),
    is_in: bool,
}

impl NameChanges {
    /// Notes that a record is new.
    pub(super) fn add(&mut self, model: &'static Model, number: RecordNumber) {
        let (chunk, _) = ChunkNumber::of(number);
        match self.grown.iter_mut().find(|(known, _)| known.kind() == model.kind()) {
            Some((_, chunks)) => drop(chunks.insert(chunk)),
            None => self.grown.push((model, BTreeSet::from([chunk]))),
        }
    }

    /// Notes the names of a record before and after a change.
    pub(super) fn change(
        &mut self,
        model: &Model,
        number: RecordNumber,
        before: Option<&Record<'_>>,
        after: Option<&Record<'_>>,
    ) -> Result<(), StoreError> {
        let kept_of =
            |record: Option<&Record<'_>>| record.map_or(Ok(Vec::new()), |record| kept_names(model, record));
        let (old, new) = (kept_of(before)?, kept_of(after)?);
        let (kind, place) = (model.kind(), ChunkNumber::of(number));
        let moved = |name: &String, is_in| Moved { kind, name: name.clone(), place, is_in };
        self.moved.extend(old.iter().filter(|name| !new.contains(name)).map(|name| moved(name, false)));
        self.moved.extend(new.iter().filter(|name| !old.contains(name)).map(|name| moved(name, true)));
        Ok(())
    }

    /// Puts all changes into the batch, and forgets them; makes the rows of chunks that have become whole.
    ///
    /// The lists are those of all kinds that the transaction has changed, with the first chunk of each that had no rows.
    pub(crate) fn apply(
        &mut self,
        tenant: TenantId,
        lists: &mut [(Kind, Lists)],
        overlay: &mut Overlay<'_>,
    ) -> Result<(), StoreError> {
        self.apply_moved(lists, overlay)?;
        for (model, chunks) in std::mem::take(&mut self.grown) {
            let Some((_, lists)) = lists.iter_mut().find(|(kind, _)| *kind == model.kind()) else { continue };
            // A record that is put back to a place that it had is in a chunk that has rows already.
            for chunk in chunks.range(..lists.named) {
                make(tenant, model, *chunk, overlay)?;
            }
            while lists.named < lists.open_chunk() {
                make(tenant, model, lists.named, overlay)?;
                lists.named = lists.named.next().unwrap_or(lists.open_chunk());
            }
        }
        Ok(())
    }

    fn apply_moved(&mut self, lists: &[(Kind, Lists)], overlay: &mut Overlay<'_>) -> Result<(), StoreError> {
        let mut rows: BTreeMap<Key, Vec<(NamedPlace, bool)>> = BTreeMap::new();
        for Moved { kind, name, place: (chunk, place), is_in } in std::mem::take(&mut self.moved) {
            // Of a chunk without rows they are made from its records, as these are then.
            let has_rows = lists.iter().any(|(known, lists)| *known == kind && chunk < lists.named);
            if let (Some(letter), behind) = first_letter(&name)
                && has_rows
            {
                let key = spaces::chunk(&spaces::names(kind, letter), chunk);
                rows.entry(key).or_default().push(((behind.to_owned(), place), is_in));
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let found = overlay.get_many(&rows.keys().cloned().collect::<Vec<_>>())?;
        for ((key, changes), row) in rows.into_iter().zip(found) {
            let mut names = row.as_ref().map_or(Ok(Names::default()), |row| Names::decode(row))?;
            changes.into_iter().for_each(|(name, is_in)| names.set(name, is_in));
            match names.encode() {
                Some(row) => overlay.put(key, row),
                None => overlay.delete(key),
            }
        }
        Ok(())
    }
}

/// Makes the rows of a chunk that is whole.
fn make(
    tenant: TenantId,
    model: &Model,
    chunk: ChunkNumber,
    overlay: &mut Overlay<'_>,
) -> Result<(), StoreError> {
    let rows = rows_of_chunk(tenant, model, chunk, overlay)?;
    rows.into_iter().for_each(|(key, row)| overlay.put(key, row));
    Ok(())
}

/// The rows with the names of a chunk that is whole, as its records make them.
pub(crate) fn rows_of_chunk(
    tenant: TenantId,
    model: &Model,
    chunk: ChunkNumber,
    snapshot: &dyn Snapshot,
) -> Result<Vec<(Key, Bytes)>, StoreError> {
    let kind = model.kind();
    let mut names = Beginnings::default();
    for entry in records_of(kind, chunk, snapshot)? {
        let number = number_of(kind, &entry)?;
        let (_, place) = ChunkNumber::of(number);
        let record = Record::numbered(tenant, number, &entry.value)?;
        each_name(model, &record, |name| names.add(kept(name), place))?;
    }
    let sorted = names.sorted();
    let mut rows = Vec::new();
    for alike in sorted.chunk_by(|(one, _), (next, _)| first_letter(one).0 == first_letter(next).0) {
        let letter = alike.first().and_then(|(name, _)| first_letter(name).0);
        let row = Names::encode_sorted(alike.iter().map(|(name, place)| (first_letter(name).1, *place)));
        if let (Some(letter), Some(row)) = (letter, row) {
            rows.push((spaces::chunk(&spaces::names(kind, letter), chunk), row));
        }
    }
    Ok(rows)
}

/// The beginnings of names of the records of a chunk: some thousand short texts in one buffer.
#[derive(Default)]
struct Beginnings {
    texts: String,
    all: Vec<Beginning>,
}

/// The beginning of a name.
#[derive(Clone, Copy)]
struct Beginning {
    /// Its first 16 bytes as a number, which is ordered as they are; a shorter text is filled up with zeros.
    first: u128,
    /// The place of its first byte in the buffer.
    start: usize,
    length: usize,
    place: ChunkPlace,
}

impl Beginnings {
    /// Adds a text of a record; records come in the order of their places.
    fn add(&mut self, text: &str, place: ChunkPlace) {
        let mut first = [0; 16];
        first.iter_mut().zip(text.as_bytes()).for_each(|(to, from)| *to = *from);
        let (first, start) = (u128::from_be_bytes(first), self.texts.len());
        self.texts.push_str(text);
        self.all.push(Beginning { first, start, length: text.len(), place });
    }

    /// The texts in their order, each with its places, ascending and each once: two names of a record may begin alike.
    fn sorted(&mut self) -> Vec<(&str, ChunkPlace)> {
        let mut all = std::mem::take(&mut self.all);
        let text = |one: &Beginning| self.texts.get(one.start..one.start + one.length).unwrap_or_default();
        // Of texts that the numbers tell whole, and which are alike as far as one goes, the longer is greater.
        let compare = |one: &Beginning, other: &Beginning| {
            one.first.cmp(&other.first).then_with(|| match (one.length, other.length) {
                (0..=16, 0..=16) => one.length.cmp(&other.length),
                _ => text(one).cmp(text(other)),
            })
        };
        // Places were added ascending, so a sort that leaves equals in their order need not compare them: of a thousand records
        // many have the same names.
        all.sort_by(compare);
        all.dedup_by(|one, other| one.place == other.place && compare(one, other).is_eq());
        all.iter().map(|one| (text(one), one.place)).collect()
    }
}

/// The records of a chunk that are there.
fn records_of(kind: Kind, chunk: ChunkNumber, snapshot: &dyn Snapshot) -> Result<Vec<Entry>, StoreError> {
    let all = spaces::records(kind);
    let start = |chunk: ChunkNumber| spaces::numbered(kind, chunk.first());
    let mut range = KeyRange::prefix(&all).from(start(chunk));
    if let Some(next) = chunk.next() {
        range = range.until(start(next));
    }
    snapshot.scan(&range, Direction::Forward, clamp(ChunkNumber::NUMBERS))
}

fn number_of(kind: Kind, entry: &Entry) -> Result<RecordNumber, StoreError> {
    number_in(entry.key.after(&spaces::records(kind)).unwrap_or_default())
}

/// The beginnings of a record's names that are kept here.
fn kept_names(model: &Model, record: &Record<'_>) -> Result<Vec<String>, StoreError> {
    let mut names = Vec::new();
    each_name(model, record, |name| names.push(kept(name).to_owned()))?;
    Ok(names)
}

fn kept(name: &str) -> &str {
    cut(name, KEPT_LETTERS)
}

/// The first letter of a text, and the rest of it.
fn first_letter(text: &str) -> (Option<char>, &str) {
    let mut letters = text.chars();
    (letters.next(), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_each_of_its_places_once_and_ascending() {
        let place = |number| ChunkNumber::of(RecordNumber::new(number).unwrap()).1;
        let long = "katherine lovelace-johnson";
        let mut names = Beginnings::default();
        for (text, number) in [
            ("b", 1),
            ("josé", 1),
            ("josé", 1),
            ("ab", 2),
            (long, 2),
            (long, 3),
            ("a", 3),
            ("josé", 3),
            (long, 5),
        ] {
            names.add(text, place(number));
        }
        let expected =
            [("a", 3), ("ab", 2), ("b", 1), ("josé", 1), ("josé", 3), (long, 2), (long, 3), (long, 5)];
        assert_eq!(names.sorted(), expected.map(|(text, number)| (text, place(number))));
    }
}
