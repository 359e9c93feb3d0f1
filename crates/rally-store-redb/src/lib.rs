//! Rally's store in one file, over [redb].
//!
//! A write answers when it is durable; writers that arrive while a commit is being synced share the next one, so
//! sixteen of them cost about as many syncs as two. Readers see durable state only and wait for nobody. After a failure
//! of the disk the store opens itself again and tells each write its true outcome.
//!
//! ```
//! use rally_core::{
//!     TenantId,
//!     store::{Batch, Commit, Key, Space, Store},
//! };
//! use rally_store_redb::{Options, RedbStore};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let store = RedbStore::open(folder.path().join("crm.redb"), Options::default())?;
//! let (tenant, key) = (TenantId::DIRECTORY, Key::new(Space(1)).bytes(b"greeting"));
//!
//! let commit = store.write(tenant, &mut |state| {
//!     assert_eq!(state.get(&key)?, None);
//!     let mut batch = Batch::new();
//!     batch.put(key.clone(), "hello");
//!     Ok(batch)
//! })?;
//!
//! assert_eq!(commit, Commit::Applied);
//! assert_eq!(store.snapshot(tenant)?.get(&key)?.as_deref(), Some(&b"hello"[..]));
//! # Ok(())
//! # }
//! ```

mod conversion;
mod database;
mod disk;
mod error;
mod figures;
mod file;
mod fold;
mod folder;
mod format;
mod full;
mod journal;
mod layers;
mod layout;
mod machine;
mod options;
mod pace;
mod pages;
mod record;
mod recovery;
mod snapshot;
mod source;
mod space;
mod storage;
mod store;
#[cfg(target_os = "linux")]
mod through;
mod transaction;
mod tree;
mod verify;
mod watch;

pub use error::OpenError;
pub use layout::FORMAT;
pub use options::{Durability, Folding, IntegrityCheck, Options};
pub use store::RedbStore;
