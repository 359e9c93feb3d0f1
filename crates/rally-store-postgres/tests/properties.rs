//! The store in PostgreSQL keeps every promise of the store contract, and the engine on it those of the API.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::{process::ExitCode, sync::Arc};

use rally_core::store::Store;
use rally_store_postgres::{Options, PostgresStore};
use rally_testkit::{model_trials, postgres, run, store_trials};

fn main() -> ExitCode {
    let Some(database) = postgres::shared() else { return run(Vec::new()) };
    let fresh = move || -> Arc<dyn Store> {
        let store = PostgresStore::open(&database.fresh_url(), Options::default());
        Arc::new(store.expect("the database is there"))
    };
    let mut trials = store_trials("postgres", fresh.clone());
    trials.extend(model_trials("postgres", fresh));
    run(trials)
}
