//! The store in memory keeps every promise of the store contract.

use std::{process::ExitCode, sync::Arc};

use rally_core::store::MemoryStore;
use rally_testkit::{run, store_trials};

fn main() -> ExitCode {
    run(store_trials("memory", || Arc::new(MemoryStore::new())))
}
