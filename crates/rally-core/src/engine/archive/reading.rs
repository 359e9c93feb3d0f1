use std::io;

use bytes::Bytes;

use super::{blocks::BlockReader, faults::bad_file, rows::Tally};
use crate::{
    base::Error,
    engine::{
        codec::{self, FileEndV1, FileHeadV1, FileRowsV1, Wire},
        keys::spaces,
    },
    store::{Entry, Key},
};

/// The contents of a file that is whole.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    pub(crate) head: FileHeadV1,
    pub(crate) rows: u64,
    pub(crate) digest: [u8; 32],
}

/// Reads a file to its end, checks every byte of it, and visits its rows block by block. The rows of a file that turns
/// out to be damaged have been visited up to the damage, so a reader that changes something reads the file twice.
pub(crate) fn read(
    input: impl io::Read,
    visit: &mut dyn FnMut(Vec<Entry>) -> Result<(), Error>,
) -> Result<Contents, Error> {
    let mut blocks = BlockReader::begin(input)?;
    let first = blocks.block()?;
    let head: FileHeadV1 = codec::decode(&first).map_err(|error| blocks.damaged().caused_by(error))?;
    if head.layout != spaces::LAYOUT {
        let detail = format!("has rows of layout {}, and this program knows {}", head.layout, spaces::LAYOUT);
        return Err(bad_file(detail));
    }
    let (mut tally, mut last) = (Tally::default(), None);
    loop {
        let block = blocks.block()?;
        if block.first() == Some(&FileEndV1::ROW) {
            let end: FileEndV1 = codec::decode(&block).map_err(|error| blocks.damaged().caused_by(error))?;
            let (rows, digest) = (tally.rows(), tally.digest());
            let found = FileEndV1 { rows, rows_digest: digest, file_digest: blocks.digest_before() };
            blocks.finish()?;
            return if end == found { Ok(Contents { head, rows, digest }) } else { Err(unlike_its_end()) };
        }
        let block: FileRowsV1 = codec::decode(&block).map_err(|error| blocks.damaged().caused_by(error))?;
        block.rows.iter().for_each(|(key, value)| tally.add(key, value));
        let entries = entries(block, &mut last).ok_or_else(|| blocks.damaged())?;
        visit(entries)?;
    }
}

/// The rows of a block, which must be of families that there are, and behind the last key.
fn entries(block: FileRowsV1, last: &mut Option<Key>) -> Option<Vec<Entry>> {
    let mut entries = Vec::with_capacity(block.rows.len());
    for (key, value) in block.rows {
        let key = Key::from_bytes(&key)?;
        let is_behind = last.as_ref().is_none_or(|last| *last < key);
        if !is_behind || !spaces::FAMILIES.contains(&key.space()) {
            return None;
        }
        *last = Some(key.clone());
        entries.push(Entry { key, value: Bytes::from(value) });
    }
    Some(entries)
}

fn unlike_its_end() -> Error {
    bad_file("is not as its end says: a part of it is missing, or was changed")
}
