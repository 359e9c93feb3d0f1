use std::time::Duration;

use rally_core::store::GroupOptions;

/// The options of a store. [`Options::default`] suits a disk that the operator trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The failures that a commit withstands.
    pub durability: Durability,
    /// The most memory that pages of the file are kept in, in bytes.
    pub cache_bytes: usize,
    /// The occasions on which the whole file is read and verified.
    pub integrity_check: IntegrityCheck,
    /// The age at which writes that share a commit are committed, though others wait that could share it as well.
    pub group_time: Duration,
    /// The space on the disk that is held back, in bytes, so that records can be deleted when there is no other.
    pub reserve_bytes: u64,
    /// The free space on the disk, in bytes, below which each commit leaves the map of free pages, too. A commit that
    /// then finds no space is undone at once, whatever the size of the file, rather than after reading all of it.
    pub low_space_bytes: u64,
    /// The time for which a disk that was found full is not tried again, unless records have been deleted since.
    pub full_disk_pause: Duration,
}

/// The failures that a commit withstands. With each of them a commit is on disk before a write answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// One sync a commit. A torn commit is told from a whole one by its checksums, and opening after a crash reads the
    /// whole file.
    #[default]
    Standard,
    /// Two syncs a commit, and the map of free pages with each. A commit is told by the order of the syncs, which
    /// nobody who can choose the stored bytes can forge; opening after a crash takes no time whatever the size.
    Strict,
}

/// The occasions on which the whole file is read and its checksums are verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IntegrityCheck {
    /// After a crash, and with [`Durability::Strict`] never.
    #[default]
    AfterCrash,
    /// At every opening, also when the store opens itself again; right for a file that came from elsewhere.
    Always,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            cache_bytes: 256 << 20,
            integrity_check: IntegrityCheck::default(),
            group_time: GroupOptions::TIME,
            reserve_bytes: 4 << 20,
            low_space_bytes: 64 << 20,
            full_disk_pause: Duration::from_secs(1),
        }
    }
}
