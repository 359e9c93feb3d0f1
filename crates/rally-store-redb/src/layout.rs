//! The parts of a Rally file: a head that changes only when the file is converted, the area of the journal, and the tree.

use xxhash_rust::xxh3::xxh3_64;

use crate::{OpenError, conversion::OLDEST, storage::Storage};

/// The bytes of the head, which is a page so that the parts behind it begin with one.
const HEAD_BYTES: u64 = 4096;
const MAGIC: [u8; 8] = *b"rally\r\n\x1a";
/// The number of the format that files are written in: their parts, the records of the journal and the tables in the tree.
pub const FORMAT: u32 = 3;
/// The bytes of the head that are in use: the magic, the format, the size of the journal, and their checksum.
const USED_BYTES: usize = 28;

/// The least and the most that a journal may take.
const LEAST_JOURNAL: u64 = 64 << 10;
const MOST_JOURNAL: u64 = 4 << 30;

/// The places of the parts of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    journal_bytes: u64,
    /// The format that the file was in when its head was read.
    format: u32,
}

impl Layout {
    /// The layout of a new file whose journal is to have so many bytes, within what is possible.
    pub(crate) fn new(journal_bytes: u64) -> Self {
        let bytes = journal_bytes.clamp(LEAST_JOURNAL, MOST_JOURNAL);
        Self { journal_bytes: bytes.next_multiple_of(HEAD_BYTES), format: FORMAT }
    }

    /// The format of the file, if it must be converted.
    pub(crate) fn older_format(self) -> Option<u32> {
        if self.format < FORMAT { Some(self.format) } else { None }
    }

    /// The first byte of the journal.
    pub(crate) fn journal_start(self) -> u64 {
        HEAD_BYTES
    }

    /// The bytes of the journal.
    pub(crate) fn journal_bytes(self) -> u64 {
        self.journal_bytes
    }

    /// The first byte of the tree.
    pub(crate) fn tree_start(self) -> u64 {
        HEAD_BYTES.saturating_add(self.journal_bytes)
    }

    /// Reads the head of a file that is not empty.
    pub(crate) fn read(storage: &Storage, place: &str) -> Result<Self, OpenError> {
        let failed = |error| OpenError::from_io(place, error);
        let len = storage.len().map_err(failed)?;
        let mut head = [0; USED_BYTES];
        if len >= HEAD_BYTES {
            storage.read(0, &mut head).map_err(failed)?;
        }
        let layout = Self::of_head(&head, place)?;
        if len <= layout.tree_start() {
            return Err(OpenError::Damaged { place: place.to_owned(), what: "it ends too early".to_owned() });
        }
        Ok(layout)
    }

    fn of_head(head: &[u8; USED_BYTES], place: &str) -> Result<Self, OpenError> {
        let place = || place.to_owned();
        let Some(rest) = head.strip_prefix(&MAGIC) else {
            return Err(OpenError::NotRally { place: place() });
        };
        let damaged =
            || OpenError::Damaged { place: place(), what: "its head is not what was written".to_owned() };
        let (format, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
        let (journal, checksum) = rest.split_first_chunk().ok_or_else(damaged)?;
        let found = u32::from_le_bytes(*format);
        let journal_bytes = u64::from_le_bytes(*journal);
        let read = Self { journal_bytes, format: found };
        if checksum != read.checksum(found) {
            return Err(damaged());
        }
        if !(OLDEST..=FORMAT).contains(&found) {
            return Err(OpenError::UnknownFormat { place: place(), found, known: FORMAT });
        }
        if Self::new(journal_bytes).journal_bytes == journal_bytes { Ok(read) } else { Err(damaged()) }
    }

    /// The head of a file with this layout, which makes it one.
    pub(crate) fn head(self) -> Vec<u8> {
        self.head_of_format(FORMAT)
    }

    fn head_of_format(self, format: u32) -> Vec<u8> {
        [&MAGIC[..], &format.to_le_bytes(), &self.journal_bytes.to_le_bytes(), &self.checksum(format)]
            .concat()
    }

    fn checksum(self, format: u32) -> [u8; 8] {
        let bytes = [&MAGIC[..], &format.to_le_bytes(), &self.journal_bytes.to_le_bytes()].concat();
        xxh3_64(&bytes).to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &[u8]) -> Result<Layout, OpenError> {
        Layout::of_head(head.try_into().unwrap(), "crm.rally")
    }

    #[test]
    fn a_head_is_read_back_and_any_change_of_it_is_noticed() {
        for bytes in [0, 1, 64 << 10, 5 << 20, u64::MAX] {
            let layout = Layout::new(bytes);
            let head = layout.head();
            assert_eq!(read(&head).unwrap(), layout);
            assert_eq!(layout.tree_start() % 4096, 0);
            for place in 0..head.len() {
                let mut other = head.clone();
                other[place] ^= 1;
                let error = read(&other).unwrap_err();
                assert!(
                    matches!(error, OpenError::NotRally { .. } | OpenError::Damaged { .. }),
                    "{place}: {error}"
                );
            }
        }
    }

    #[test]
    fn another_format_is_told_by_its_number() {
        for other in [OLDEST - 1, FORMAT + 1] {
            let error = read(&Layout::new(0).head_of_format(other)).unwrap_err();
            let told =
                matches!(error, OpenError::UnknownFormat { found, known: FORMAT, .. } if found == other);
            assert!(told, "{error}");
        }
        let older = read(&Layout::new(0).head_of_format(OLDEST)).unwrap();
        assert_eq!(older.older_format(), Some(OLDEST));
        assert_eq!(Layout::new(0).older_format(), None);
    }
}
