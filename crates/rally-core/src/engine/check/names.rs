//! Names in the order of records.

use super::{Checking, Repair, each_page};
use crate::{
    base::{Error, Kind, RecordNumber, TenantId, count},
    engine::{
        codec::ChunkNumber,
        keys::{rows_of_chunk, spaces},
        schema::Model,
    },
    store::{Key, Snapshot, StoreError},
};

/// Rows that are counted together.
const AT_ONCE: usize = 256;

/// Checks the names of all chunks before the one of the next record.
pub(super) fn check(
    snapshot: &dyn Snapshot,
    model: &'static Model,
    kind: Kind,
    next: RecordNumber,
    checking: &mut Checking<'_>,
) -> Result<(), Error> {
    let (open, _) = ChunkNumber::of(next);
    let (mut chunk, mut expected) = (ChunkNumber::FIRST, 0);
    while chunk < open {
        let rows = match rows_of_chunk(TenantId::DIRECTORY, model, chunk, snapshot) {
            // A record that cannot be read has been told of.
            Err(StoreError::Corrupt { .. }) => Vec::new(),
            rows => rows?,
        };
        let keys: Vec<Key> = rows.iter().map(|(key, _)| key.clone()).collect();
        for ((_, row), stored) in rows.iter().zip(snapshot.get_many(&keys)?) {
            checking.expect(stored.is_some_and(|stored| stored == *row), Repair::Rebuild, || {
                format!("names in the order of {} are not those of the records", kind.plural())
            });
        }
        expected += rows.len();
        let Some(next) = chunk.next() else { break };
        chunk = next;
    }
    let mut found = 0;
    each_page(snapshot, &spaces::all_names(kind), AT_ONCE, &mut |page| {
        checking.saw(page.len());
        found += page.len();
        Ok(())
    })?;
    checking.expect(found == expected, Repair::Rebuild, || {
        let (found, expected) = (count(found), count(expected));
        format!(
            "there are {found} rows of names in the order of {} where the records make {expected}",
            kind.plural()
        )
    });
    Ok(())
}
