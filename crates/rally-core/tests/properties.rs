//! The store in memory keeps every promise of the store contract, and the engine on it those of the API.

use std::{process::ExitCode, sync::Arc};

use rally_core::store::{MemoryStore, Store};
use rally_testkit::{SharedStore, engine_trials, model_trials, run, store_trials};

fn main() -> ExitCode {
    let make = || -> Arc<dyn Store> { Arc::new(MemoryStore::new()) };
    let mut trials = store_trials("memory", make);
    trials.extend(model_trials("memory", make));
    trials.extend(engine_trials("memory", make));
    trials.extend(engine_trials("shared", move || Arc::new(SharedStore::new(make()))));
    run(trials)
}
