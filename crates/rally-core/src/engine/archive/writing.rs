use std::io;

use super::{
    blocks::BlockWriter,
    rows::{Tally, each_row, row_bytes},
    selection::Selection,
};
use crate::{
    base::{Error, limits},
    engine::codec::{self, FileEndV1, FileHeadV1, FileRowsV1},
    store::Snapshot,
};

/// The rows that a file was written with.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) rows: u64,
    pub(crate) digest: [u8; 32],
}

/// Writes a tenant's rows at one moment to a file. Memory holds one block of them.
pub(crate) fn write(
    snapshot: &dyn Snapshot,
    head: &FileHeadV1,
    selection: &Selection,
    out: impl io::Write,
) -> Result<Written, Error> {
    let mut blocks = BlockWriter::begin(out)?;
    blocks.block(&codec::encode(head)?)?;
    let (mut block, mut bytes, mut tally) = (FileRowsV1::default(), 0, Tally::default());
    each_row(snapshot, &mut |entry| {
        let Some(entry) = selection.pick(entry)? else { return Ok(()) };
        let (key, value) = (entry.key.as_bytes(), &*entry.value);
        tally.add(key, value);
        bytes += row_bytes(key, value);
        block.rows.push((key.to_vec(), value.to_vec()));
        if bytes >= limits::TENANT_FILE_ROWS_AT_ONCE {
            bytes = 0;
            blocks.block(&codec::encode(&std::mem::take(&mut block))?)?;
        }
        Ok(())
    })?;
    if !block.rows.is_empty() {
        blocks.block(&codec::encode(&block)?)?;
    }
    let written = Written { rows: tally.rows(), digest: tally.digest() };
    let end = FileEndV1 { rows: written.rows, rows_digest: written.digest, file_digest: blocks.digest() };
    blocks.block(&codec::encode(&end)?)?;
    blocks.finish()?;
    Ok(written)
}
