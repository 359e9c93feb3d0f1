//! The wrappers keep every promise of the store beneath them.

use std::{process::ExitCode, sync::Arc};

use rally_core::store::{MemoryStore, Store};
use rally_testkit::{CountingStore, FaultyStore, SharedStore, WriteFault, run, store_trials};

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

/// A store that meets conflicts all the time, some of which its callers hear of.
fn conflicting() -> Arc<dyn Store> {
    let store = FaultyStore::new(memory());
    store.fail_writes_at_random(1, 3, &[WriteFault::Conflict, WriteFault::BuiltTwice]);
    Arc::new(store)
}

fn main() -> ExitCode {
    let mut trials = store_trials("counting", || Arc::new(CountingStore::new(memory())));
    trials.extend(store_trials("shared", || Arc::new(SharedStore::new(memory()))));
    trials.extend(store_trials("faulty without faults", || Arc::new(FaultyStore::new(memory()))));
    trials.extend(store_trials("faulty with conflicts", conflicting));
    run(trials)
}
