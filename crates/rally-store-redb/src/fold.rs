//! Folding: what the journal has goes to its places in the tree, many changes at once and in the order of their keys, and
//! leaves the journal in the same transaction.

use std::{
    io, mem,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use rally_core::store::{Changes, StoreError, micros};
use redb::{ReadableTable, StorageError, Table, WriteTransaction};

use crate::{
    database::{Database, closed},
    disk::Disk,
    error::{is_full, store_error},
    format::{self, Aside, DATA, TENANTS},
    journal::Mark,
    layers::{Filling, Layer, Layers, TenantChange},
    tree::{Number, Tree, full_key, number_in},
};

type Rows<'t> = Table<'t, &'static [u8], &'static [u8]>;

/// The changes after which it is looked whether going on makes sense.
const LOOK_EVERY: usize = 256;

/// The part of the tree that changes are put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Destination {
    /// In their places.
    Placed,
    /// Beside their places, which are damaged.
    Aside,
}

/// The most memory for changes whose places are damaged.
const MOST_ASIDE_BYTES: usize = 1 << 20;

/// A layer that is in the tree.
pub(crate) struct Folded {
    tree: Arc<Tree>,
    /// The changes that are kept aside from then on.
    aside: Arc<Layer>,
}

/// A change of the tree that has failed.
pub(crate) struct Unfolded {
    pub(crate) error: StoreError,
    /// Set unless it is certain that nothing of it will ever be found.
    pub(crate) has_trace: bool,
}

impl Database {
    /// Puts the layer that is set aside into the tree, if there is one.
    pub(crate) fn fold_frozen(&self) -> Result<(), StoreError> {
        let _folding = self.folding.lock();
        let Some(layer) = self.open.read().as_ref().and_then(|open| open.layers.frozen.clone()) else {
            return Ok(());
        };
        let began = Instant::now();
        self.pace.begin(layer.bytes);
        let folded = self.put_in_tree(&layer, layer.end);
        self.pace.end(folded.is_ok());
        let (folded, took) = (folded.map_err(|failed| failed.error)?, began.elapsed());
        self.watched.folds.add(micros(took));
        tracing::debug!(
            bytes = layer.bytes,
            ?took,
            "the journal is folded up to record {}",
            layer.end.number
        );
        self.replace(folded, layer.end, |layers| layers.frozen.take());
        Ok(())
    }

    /// Has readers see the tree with a layer in it, which is taken out of the layers over it.
    pub(crate) fn replace<L>(&self, folded: Folded, end: Mark, take: impl FnOnce(&mut Layers) -> L) {
        self.tail.store(end.at, Ordering::Release);
        // What is replaced may be large, and is dropped when nobody waits for the lock.
        let before = self.open.write().as_mut().map(|open| {
            self.signal.note_folded();
            self.watched.retire(&open.tree);
            let aside = mem::replace(&mut open.layers.aside, folded.aside);
            (mem::replace(&mut open.tree, folded.tree), take(&mut open.layers), aside)
        });
        drop(before);
    }

    /// Puts a layer into the tree, with the note that the journal is folded up to a moment.
    ///
    /// Only whoever holds `folding` may do this.
    pub(crate) fn put_in_tree(&self, layer: &Layer, end: Mark) -> Result<Folded, Unfolded> {
        let aside = self.aside();
        let folded = match self.put(layer, Destination::Placed, Some(end)) {
            Ok(tree) if aside.iter().all(|(tenant, key, _)| !layer.has(tenant, &key)) => {
                Ok(Folded { tree, aside })
            }
            Ok(tree) => Ok(Folded { tree, aside: Arc::new(without(&aside, layer).collect()) }),
            Err(failed) if failed.is_damage() => self.put_around_damage(layer, end),
            Err(failed) => Err(failed),
        }?;
        self.tree_full.note_space();
        Ok(folded)
    }

    /// Puts a layer into the tree whose pages are damaged in places: those changes are kept aside that find none.
    fn put_around_damage(&self, layer: &Layer, end: Mark) -> Result<Folded, Unfolded> {
        let mut stuck = Filling::default();
        self.put_piece(layer, &mut stuck)?;
        let stuck = stuck.finish();
        let aside: Layer = without(&self.aside(), layer).chain(stuck.iter()).collect();
        if aside.bytes > MOST_ASIDE_BYTES {
            let what = "so many pages of the tree are damaged that changes find no place any more".to_owned();
            return Err(Unfolded { error: StoreError::Corrupt { what }, has_trace: false });
        }
        let tree = self.put(&stuck, Destination::Aside, Some(end))?;
        tracing::error!("{} changes cannot be put in their places, which are damaged", stuck.iter().count());
        Ok(Folded { tree, aside: Arc::new(aside) })
    }

    /// Puts a part of a layer into the tree, as any part may be put there before the others: what is read is the layer over
    /// the tree, and a crash before the last part replays all. It does so in ever smaller parts where there is damage.
    fn put_piece(&self, piece: &Layer, stuck: &mut Filling) -> Result<(), Unfolded> {
        match self.put(piece, Destination::Placed, None) {
            Ok(_) => Ok(()),
            Err(failed) if failed.is_damage() => {
                let rows: Vec<_> = piece.iter().collect();
                if let [(tenant, key, value)] = rows.as_slice() {
                    stuck.put(*tenant, key.clone(), value.clone());
                    return Ok(());
                }
                let (left, right) = rows.split_at(rows.len() / 2);
                let mut put_half = |half: &[_]| self.put_piece(&half.iter().cloned().collect(), stuck);
                [left, right].into_iter().try_for_each(&mut put_half)
            }
            Err(failed) => Err(failed),
        }
    }

    fn aside(&self) -> Arc<Layer> {
        self.open.read().as_ref().map(|open| Arc::clone(&open.layers.aside)).unwrap_or_default()
    }

    fn put(
        &self,
        layer: &Layer,
        destination: Destination,
        mark: Option<Mark>,
    ) -> Result<Arc<Tree>, Unfolded> {
        let without_trace = |error| Unfolded { error, has_trace: false };
        let (txn, disk) = self.try_begin().ok_or_else(|| without_trace(closed()))?;
        self.fill(&txn, &disk, layer, destination, mark).map_err(without_trace)?;
        disk.begin_commit();
        // A damaged page makes redb panic in places.
        let committed = panic::catch_unwind(AssertUnwindSafe(|| txn.commit()));
        let error = match (disk.failure(), committed) {
            (None, Ok(Ok(()))) => return self.newest_tree(),
            (Some(error), _) => self.tree_failed(&error),
            (None, Ok(Err(error))) => store_error(error),
            (None, Err(_)) => self.damaged(),
        };
        Err(Unfolded { error, has_trace: !disk.has_no_trace() })
    }

    /// Fills a transaction with changes.
    fn fill(
        &self,
        txn: &WriteTransaction,
        disk: &Disk,
        layer: &Layer,
        destination: Destination,
        mark: Option<Mark>,
    ) -> Result<(), StoreError> {
        let aside = self.aside();
        let filled = panic::catch_unwind(AssertUnwindSafe(|| {
            match destination {
                Destination::Aside => put_aside(txn, layer)?,
                Destination::Placed => {
                    let grown = put_changes(txn, disk, layer, &aside)?;
                    format::add_live(txn, grown)?;
                }
            }
            mark.map_or(Ok(()), |mark| format::sign(txn, mark))
        }));
        match (disk.failure(), filled) {
            (Some(error), _) => Err(self.tree_failed(&error)),
            (None, Ok(filled)) => filled.map_err(store_error),
            (None, Err(_)) => Err(self.damaged()),
        }
    }

    fn tree_failed(&self, error: &io::Error) -> StoreError {
        if is_full(error) {
            self.tree_full.note_full(self.source.place());
        }
        self.write_failed(error)
    }

    /// Has the database opened again, which redb has panicked in, so that it cannot be trusted any more.
    fn damaged(&self) -> StoreError {
        if let Some(open) = &*self.open.read() {
            open.disk.freeze(io::Error::other("a page of the tree cannot be changed"));
        }
        StoreError::Corrupt { what: "a page of the tree cannot be changed".to_owned() }
    }

    fn newest_tree(&self) -> Result<Arc<Tree>, Unfolded> {
        let open = self.open.read();
        let open = open.as_ref().ok_or_else(|| Unfolded { error: closed(), has_trace: true })?;
        let tree = Tree::of(&open.db, self.source.numbers());
        tree.map_err(|error| {
            open.tree.fail();
            Unfolded { error: store_error(error), has_trace: true }
        })
    }

    /// Never waits, because whoever holds `folding` is the only one who may begin.
    fn try_begin(&self) -> Option<(WriteTransaction, Arc<Disk>)> {
        let open = self.open.read();
        let open = open.as_ref().filter(|open| !open.disk.has_failed())?;
        let mut txn = open.db.begin_write().ok()?;
        // The map of free pages lies in the file with each commit, so that opening it needs no look at the tree.
        txn.set_quick_repair(true);
        Some((txn, open.disk.clone()))
    }
}

impl Unfolded {
    /// True if pages are damaged, and redb has told so in an orderly way.
    fn is_damage(&self) -> bool {
        matches!(self.error, StoreError::Corrupt { .. }) && !self.has_trace
    }
}

/// The changes kept aside, without those that a layer has.
fn without(aside: &Layer, layer: &Layer) -> impl Iterator<Item = TenantChange> {
    aside.iter().filter(|(tenant, key, _)| !layer.has(*tenant, key))
}

fn put_aside(txn: &WriteTransaction, layer: &Layer) -> Result<(), redb::Error> {
    let mut aside = Aside::of(txn)?;
    layer.iter().try_for_each(|(tenant, key, value)| aside.put(tenant, &key, value.as_ref()))
}

/// Puts changes in their places, and takes them from where they were kept aside. Gives the bytes of keys and values that there are more from then on.
fn put_changes(
    txn: &WriteTransaction,
    disk: &Disk,
    layer: &Layer,
    aside: &Layer,
) -> Result<i64, redb::Error> {
    let mut table = txn.open_table(DATA)?;
    let mut grown = 0;
    for (number, changes) in numbered(txn, layer)? {
        grown += put_tenant(&mut table, disk, number, changes)?;
    }
    if !aside.is_empty() {
        let mut rows = Aside::of(txn)?;
        for (tenant, key, _) in layer.iter().filter(|(tenant, key, _)| aside.has(*tenant, key)) {
            rows.remove(tenant, &key)?;
        }
    }
    Ok(grown)
}

/// The tenants of a layer by their numbers, which are given to those that have none.
fn numbered<'l>(txn: &WriteTransaction, layer: &'l Layer) -> Result<Vec<(Number, &'l Changes)>, redb::Error> {
    let mut tenants = txn.open_table(TENANTS)?;
    let mut numbered = Vec::with_capacity(layer.tenants.len());
    for (tenant, changes) in &layer.tenants {
        let number = match number_in(&tenants, *tenant)? {
            Some(number) => number,
            None => {
                let number = next_number(&tenants)?;
                tenants.insert(tenant.as_uuid().as_bytes().as_slice(), number.0.as_slice())?;
                number
            }
        };
        numbered.push((number, changes));
    }
    numbered.sort_unstable_by_key(|(number, _)| *number);
    Ok(numbered)
}

/// The number of the next tenant: none is ever taken away.
fn next_number(tenants: &Rows<'_>) -> Result<Number, StorageError> {
    let count = redb::ReadableTableMetadata::len(tenants)?;
    let next = u32::try_from(count).map_err(|_| StorageError::ValueTooLarge(usize::MAX))?;
    Ok(Number(next.to_be_bytes()))
}

/// Puts the changes of a tenant into the tree: two of three, then those between, and last what goes behind all that is there.
///
/// A page that is full is split in the middle, and of keys that only grow none comes into the first half any more, so that
/// the pages of records, of the feed and of histories would stay half empty. As it is, the first half is filled by two of
/// three, and the third finds the page that it belongs to with room for it. At the end of the tree pages are not split but
/// filled one after the other.
fn put_tenant(
    table: &mut Rows<'_>,
    disk: &Disk,
    number: Number,
    changes: &Changes,
) -> Result<i64, StorageError> {
    let inside = match table.last()? {
        Some((end, _)) => {
            changes.iter().take_while(|(key, _)| *full_key(number, key) <= *end.value()).count()
        }
        None => 0,
    };
    let pass_of = |index: usize| match index % 3 {
        _ if index >= inside => Pass::Behind,
        1 => Pass::Between,
        _ => Pass::First,
    };
    let mut grown = 0;
    for pass in [Pass::First, Pass::Between, Pass::Behind] {
        let part = changes.iter().enumerate().filter(|(index, _)| pass_of(*index) == pass);
        for (done, (_, (key, value))) in part.enumerate() {
            if done % LOOK_EVERY == 0 && disk.has_failed() {
                return Ok(grown);
            }
            grown += put_row(table, &full_key(number, &key), value.as_deref())?;
        }
    }
    Ok(grown)
}

/// The walk over the changes of a tenant in which one of them goes into the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    First,
    Between,
    Behind,
}

/// Puts a row into the tree, or takes it out, and tells by how many bytes the rows have grown.
fn put_row(table: &mut Rows<'_>, key: &[u8], value: Option<&[u8]>) -> Result<i64, StorageError> {
    let (old, new) = match value {
        Some(value) => (table.insert(key, value)?, row_bytes(key, value)),
        None => (table.remove(key)?, 0),
    };
    Ok(new - old.map_or(0, |old| row_bytes(key, old.value())))
}

fn row_bytes(key: &[u8], value: &[u8]) -> i64 {
    i64::try_from(format::row_bytes(key, value)).unwrap_or(i64::MAX)
}
