//! The store in PostgreSQL keeps every promise of the store contract, and the engine on it those of the API.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::{process::ExitCode, sync::Arc};

use rally_core::store::Store;
use rally_store_postgres::{Options, PostgresStore};
use rally_testkit::{engine_trials, model_trials, postgres, run, store_trials};

fn main() -> ExitCode {
    let Some(database) = postgres::shared() else { return run(Vec::new()) };
    let fresh = move || -> Arc<dyn Store> {
        // A snapshot has a connection of its own, and one of the properties holds sixty.
        let options = Options { connections: 70, share: Some(70), ..Options::default() };
        let store = PostgresStore::open(&database.fresh_url(), options);
        Arc::new(store.expect("the database is there"))
    };
    let mut trials = store_trials("postgres", fresh.clone());
    trials.extend(engine_trials("postgres", fresh.clone()));
    trials.extend(model_trials("postgres", fresh));
    run(trials)
}
