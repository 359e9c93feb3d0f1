//! The bytes of a row of names: the beginnings of the names that the records of a chunk have, of those with one first
//! letter. The letter is in the key, so the texts here are without it.
//!
//! Behind the envelope are the texts, ascending, each as
//!
//! | bytes | |
//! |---|---|
//! | 1 | bytes that it has in common with the text before it |
//! | 1 | bytes behind these |
//! | 2 | records with such a name |
//! | … | the bytes behind the common ones |
//! | 2 each | the places of the records in the chunk, ascending |
//!
//! with all numbers little-endian. So the texts that begin alike stand together, and looking for them makes no text.

use bytes::Bytes;

use super::{chunk::ChunkPlace, damaged};
use crate::{base::invariant, engine::codec::Chunk, store::StoreError};

const ROW: u8 = 12;
const FORMAT: u8 = 1;

/// The beginning of a name of a record, and the record's place in the chunk.
pub(crate) type NamedPlace = (String, ChunkPlace);

/// The names of a row.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Names(Vec<NamedPlace>);

/// A text of a row, as it is written.
struct Written<'b> {
    common: usize,
    behind: &'b [u8],
    places: &'b [[u8; 2]],
}

impl Names {
    /// Puts a name in, or takes it out.
    pub(crate) fn set(&mut self, (text, place): NamedPlace, is_in: bool) {
        let at = self.0.binary_search_by(|(known, of)| (known.as_str(), *of).cmp(&(&text, place)));
        match at {
            Ok(at) if !is_in => drop(self.0.remove(at)),
            Err(at) if is_in => self.0.insert(at, (text, place)),
            _ => {}
        }
    }

    /// The bytes of the row; `None` without names.
    pub(crate) fn encode(&self) -> Option<Bytes> {
        Self::encode_sorted(self.0.iter().map(|(text, place)| (text.as_str(), *place)))
    }

    /// [`encode`](Self::encode) of names that are sorted, each once.
    pub(crate) fn encode_sorted<'n>(names: impl Iterator<Item = (&'n str, ChunkPlace)>) -> Option<Bytes> {
        let mut names = names.peekable();
        names.peek()?;
        let (mut bytes, mut before) = (vec![ROW, FORMAT], "");
        while let Some((text, first)) = names.next() {
            let mut places = vec![first];
            while let Some((_, place)) = names.next_if(|(next, _)| *next == text) {
                places.push(place);
            }
            let common = common(before.as_bytes(), text.as_bytes());
            let behind = invariant(text.as_bytes().get(common..), "a name is as long as what it shares");
            let short =
                |length: usize| invariant(u8::try_from(length).ok(), "the beginning of a name is short");
            bytes.extend([short(common), short(behind.len())]);
            let members = invariant(u16::try_from(places.len()).ok(), "a chunk has 1,024 members");
            bytes.extend(members.to_le_bytes());
            bytes.extend_from_slice(behind);
            places.iter().for_each(|place| bytes.extend(place.to_bytes()));
            before = text;
        }
        Some(bytes.into())
    }

    /// Reads a row back.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        Self::read(bytes).ok_or_else(|| damaged(ROW, "it cannot be read"))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (mut rest, mut names, mut before) = (body(bytes)?, Vec::new(), Vec::new());
        while !rest.is_empty() {
            let written = Written::next(&mut rest)?;
            if written.common > before.len() {
                return None;
            }
            let replaced = before.split_off(written.common);
            // Texts ascend, and have no more in common than it says.
            let is_first = names.is_empty();
            if !is_first && (written.behind <= &replaced[..] || replaced.first() == written.behind.first()) {
                return None;
            }
            before.extend_from_slice(written.behind);
            let text = String::from_utf8(before.clone()).ok()?;
            let places = written.places.iter().map(|place| ChunkPlace::from_bytes(*place));
            let places = places.collect::<Option<Vec<_>>>()?;
            if places.is_empty() || !places.is_sorted_by(|one, next| one < next) {
                return None;
            }
            names.extend(places.into_iter().map(|place| (text.clone(), place)));
        }
        if names.is_empty() { None } else { Some(Self(names)) }
    }

    /// The records that a row has with a name that begins with a text.
    pub(crate) fn beginning_with(bytes: &[u8], text: &[u8]) -> Result<Chunk, StoreError> {
        Self::find(bytes, text).ok_or_else(|| damaged(ROW, "it cannot be searched"))
    }

    fn find(bytes: &[u8], text: &[u8]) -> Option<Chunk> {
        let (mut rest, mut found) = (body(bytes)?, Chunk::default());
        // The bytes of the last text, and those of them that the searched text begins with.
        let (mut length, mut alike) = (0, 0);
        while !rest.is_empty() {
            let written = Written::next(&mut rest)?;
            if written.common > length {
                return None;
            }
            length = written.common + written.behind.len();
            // A text that has more in common with the last one differs from the searched one where that did.
            if written.common < alike {
                break;
            } else if written.common == alike {
                alike += common(written.behind, text.get(alike..)?);
            }
            if alike == text.len() {
                for place in written.places {
                    found.insert(ChunkPlace::from_bytes(*place)?);
                }
            }
        }
        Some(found)
    }
}

impl<'b> Written<'b> {
    /// Takes the next text off the bytes; `None` if they are none.
    fn next(bytes: &mut &'b [u8]) -> Option<Self> {
        let ([common, behind, low, high], rest) = bytes.split_first_chunk()?;
        let (behind, rest) = rest.split_at_checked(usize::from(*behind))?;
        let members = usize::from(u16::from_le_bytes([*low, *high]));
        let (places, rest) = rest.split_at_checked(2 * members)?;
        let (places, _) = places.as_chunks();
        *bytes = rest;
        Some(Self { common: usize::from(*common), behind, places })
    }
}

fn body(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [ROW, FORMAT, body @ ..] if !body.is_empty() => Some(body),
        _ => None,
    }
}

/// The number of bytes that two texts begin with alike.
fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::{base::RecordNumber, engine::codec::ChunkNumber};

    fn place(place: u64) -> ChunkPlace {
        ChunkNumber::of(RecordNumber::new(place).unwrap()).1
    }

    fn names() -> impl Strategy<Value = BTreeSet<(String, u64)>> {
        let text = prop_oneof!["[ab]{0,4}", "(aba|é|è|ö|\u{e9}\u{301}|😀|😁){0,3}"];
        prop::collection::btree_set((text, 0u64..1_024), 1..80)
    }

    fn row(names: &BTreeSet<(String, u64)>) -> Names {
        let mut row = Names::default();
        names.iter().rev().for_each(|(text, at)| row.set((text.clone(), place(*at)), true));
        row
    }

    proptest! {
        #[test]
        fn names_are_read_as_they_were_written(names in names(), cut in any::<prop::sample::Index>()) {
            let row = row(&names);
            let bytes = row.encode().unwrap();
            prop_assert_eq!(Names::decode(&bytes).unwrap(), row);
            let cut = 1 + cut.index(bytes.len() - 1);
            let less = Names::decode(&bytes[..cut]);
            prop_assert!(less.is_err() || less.unwrap().0.len() < names.len());
            prop_assert!(Names::decode(&[&bytes[..], &[0, 0, 1, 0, 0, 0]].concat()).is_err());
        }

        #[test]
        fn those_that_begin_with_a_text_are_found(names in names(), other in names()) {
            let bytes = row(&names).encode().unwrap();
            let asked = names.iter().chain(&other).map(|(text, _)| text);
            let letters = |text: &String| (0..=text.chars().count()).map(|end| text.chars().take(end).collect()).collect();
            for text in asked.flat_map(|text| -> Vec<String> { letters(text) }) {
                let text = text.as_str();
                let found = Names::beginning_with(&bytes, text.as_bytes()).unwrap();
                let expected = names.iter().filter(|(name, _)| name.starts_with(text));
                let expected: BTreeSet<ChunkPlace> = expected.map(|(_, at)| place(*at)).collect();
                prop_assert_eq!(found.places().collect::<BTreeSet<_>>(), expected, "{}", text);
            }
        }

        #[test]
        fn names_come_and_go(names in names(), gone in names()) {
            let mut all = row(&names);
            for (text, at) in &gone {
                all.set((text.clone(), place(*at)), true);
                all.set((text.clone(), place(*at)), false);
            }
            prop_assert_eq!(all, row(&(&names - &gone)));
        }

        #[test]
        fn any_bytes_are_names_or_damaged_and_never_a_panic(
            body in prop::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..60), text in "[\0-\x03]{0,3}",
        ) {
            let bytes = [&[ROW, FORMAT], &body[..]].concat();
            let found = Names::beginning_with(&bytes, text.as_bytes());
            if let Ok(names) = Names::decode(&bytes) {
                prop_assert_eq!(&names.encode().unwrap()[..], &bytes[..]);
                prop_assert!(found.is_ok());
            }
            let _ = Names::decode(&body);
        }
    }

    #[test]
    fn the_bytes_of_the_released_format_stay() {
        let names = [("", 0), ("da", 1), ("da", 1_023), ("de", 2)];
        let row = Names(names.map(|(text, at)| (text.to_owned(), place(at))).into());
        let bytes = [12, 1, 0, 0, 1, 0, 0, 0, 0, 2, 2, 0, b'd', b'a', 1, 0, 255, 3, 1, 1, 1, 0, b'e', 2, 0];
        assert_eq!(&row.encode().unwrap()[..], &bytes[..]);
        assert_eq!(Names::decode(&bytes).unwrap(), row);
        assert_eq!(Names::default().encode(), None);
    }
}
