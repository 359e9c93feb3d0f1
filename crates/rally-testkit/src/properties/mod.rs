//! The promises of the store contract, as named checks.
//!
//! Each line under "To be correct" in [`rally_core::store`] is one or more of these. A check is given a fresh store,
//! panics with what it saw if the store breaks the promise, and hangs for no more than a bounded time.

mod at_random;
mod backups;
mod batch;
mod corpus;
mod engine;
mod file;
mod files;
mod given;
mod group;
mod isolation;
mod limits;
mod read;
mod scan;
mod snapshot;
mod tenant_files;
mod threads;
mod turns;
mod walks;
mod write;

use std::{any::type_name, fmt, sync::Arc};

use rally_core::store::Store;

pub use file::{Open, Place};
pub use group::{GroupFault, Grouped};

/// A promise with a sentence for a name, and the check that a fresh subject keeps it.
pub struct Property<S> {
    name: &'static str,
    check: Box<dyn Fn(&S) + Send + Sync>,
}

/// The promises of every store. The subject must be fresh.
#[must_use]
pub fn of_a_store() -> Vec<Property<Arc<dyn Store>>> {
    [
        batch::properties(),
        read::properties(),
        scan::properties(),
        snapshot::properties(),
        write::properties(),
        isolation::properties(),
        limits::properties(),
        at_random::properties(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The promises of an engine's views, transactions, feed and lists on a store. The subject must be fresh.
#[must_use]
pub fn of_an_engine() -> Vec<Property<Arc<dyn Store>>> {
    let mut all = engine::properties();
    all.extend(walks::properties());
    all.extend(corpus::properties());
    all.extend(files::properties());
    all.extend(tenant_files::properties());
    all.extend(backups::properties());
    all
}

/// The further promises of a store that keeps one file. Nothing may be at the path yet.
#[must_use]
pub fn of_a_file() -> Vec<Property<Place>> {
    file::properties()
}

/// The further promises of a store that commits in groups. The subject must be fresh.
#[must_use]
pub fn of_group_commit() -> Vec<Property<Arc<dyn Grouped>>> {
    group::properties().into_iter().chain(turns::properties()).collect()
}

impl<S> Property<S> {
    /// The property that a function checks; the function's name is the sentence.
    fn of<F: Fn(&S) + Send + Sync + 'static>(check: F) -> Self {
        let (_, name) = type_name::<F>().rsplit_once("::").expect("a function stands in a module");
        Self { name, check: Box::new(check) }
    }

    /// The sentence.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Checks that a fresh subject keeps the promise.
    ///
    /// # Panics
    /// If it does not, with what was seen.
    pub fn check(&self, subject: &S) {
        (self.check)(subject);
    }
}

impl<S> fmt::Debug for Property<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Property").field(&self.name).finish()
    }
}
