//! The store in one file keeps every promise of the store contract, in memory and on a disk, and the engine on it
//! those of the API.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::{process::ExitCode, sync::Arc, time::Duration};

use rally_core::store::Store;
use rally_store_redb::{Options, RedbStore};
use rally_testkit::{engine_trials, file_trials, model_trials, run, store_trials};

fn main() -> ExitCode {
    let memory =
        || -> Arc<dyn Store> { Arc::new(RedbStore::in_memory(Options::default()).expect("memory is there")) };
    let mut trials = store_trials("redb in memory", memory);
    trials.extend(model_trials("redb in memory", memory));
    trials.extend(engine_trials("redb in memory", memory));
    // Every change is on its way into the tree as soon as it is there.
    let folding = || -> Arc<dyn Store> {
        let options = Options { fold_time: Duration::ZERO, journal_bytes: 64 << 10, ..Options::default() };
        Arc::new(RedbStore::in_memory(options).expect("memory is there"))
    };
    trials.extend(store_trials("redb while it folds", folding));
    trials.extend(model_trials("redb while it folds", folding));
    trials.extend(file_trials("redb on a file", |path| {
        Arc::new(RedbStore::open(path, Options::default()).expect("the file can be opened"))
    }));
    run(trials)
}
