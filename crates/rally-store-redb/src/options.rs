use std::time::Duration;

use crate::machine;

/// The time of a group: some syncs of a disk, and no more, as writers of other tenants wait for it.
const GROUP_TIME: Duration = Duration::from_millis(5);

/// The options of a store. [`Options::default`] suits a disk that the operator trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The failures that a commit withstands.
    pub durability: Durability,
    /// The most memory that pages of the file are kept in, in bytes; a quarter of the memory that there is by default.
    pub cache_bytes: usize,
    /// The occasions on which the whole file is read and verified.
    pub integrity_check: IntegrityCheck,
    /// The bytes of a new file that its journal may take, from 64 KiB to 4 GiB; a file keeps those that it was made with.
    pub journal_bytes: u64,
    /// The most memory, in bytes, for what is in the journal and not in its place in the tree yet. Writers wait once
    /// there is more; one batch that is larger goes into the tree at once.
    pub journal_memory_bytes: usize,
    /// The age at which what is in the journal goes into the tree, however little it is.
    pub fold_time: Duration,
    /// The thread that takes what is in the journal into the tree.
    pub folding: Folding,
    /// The age at which writes that share a commit are committed, though others wait that could share it as well.
    pub group_time: Duration,
    /// The space on the disk that is held back, in bytes, so that records can be deleted when there is no other.
    pub reserve_bytes: u64,
    /// The free space on the disk, in bytes, below which writes go into the tree at once, so that what is in the journal
    /// finds its place there, and those that make space get what is held back.
    pub low_space_bytes: u64,
    /// The time for which a disk that was found full is not tried again, unless records have been deleted since.
    pub full_disk_pause: Duration,
}

/// The failures that a commit withstands. With each of them a commit is on disk before a write answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// One durable write a commit. A torn commit is told from a whole one by its checksum.
    #[default]
    Standard,
    /// Two durable writes a commit. A commit is told by their order, which nobody who can choose the stored bytes can
    /// forge.
    Strict,
}

/// The thread that takes what is in the journal into the tree, so that the journal has space for more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Folding {
    /// A thread of the store, which ends with it.
    #[default]
    Background,
    /// Whichever thread the host has call [`RedbStore::fold`](crate::RedbStore::fold), and a writer that finds the
    /// journal full.
    Host,
}

/// The occasions on which the whole file is read and its checksums are verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IntegrityCheck {
    /// None: pages are verified as they are read.
    #[default]
    Never,
    /// At every opening, also when the store opens itself again; right for a file that came from elsewhere.
    Always,
}

impl Options {
    /// The options of a file that nobody looks for.
    pub(crate) fn temporary() -> Self {
        Self {
            cache_bytes: 8 << 20,
            journal_bytes: 16 << 20,
            journal_memory_bytes: 8 << 20,
            reserve_bytes: 0,
            low_space_bytes: 0,
            ..Self::default()
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            cache_bytes: machine::cache_bytes(),
            integrity_check: IntegrityCheck::default(),
            journal_bytes: 128 << 20,
            journal_memory_bytes: 64 << 20,
            fold_time: Duration::from_secs(5),
            folding: Folding::default(),
            group_time: GROUP_TIME,
            reserve_bytes: 4 << 20,
            low_space_bytes: 256 << 20,
            full_disk_pause: Duration::from_secs(1),
        }
    }
}
