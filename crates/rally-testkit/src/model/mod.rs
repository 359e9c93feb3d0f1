//! The engine held against plain maps: random operations on both, compared after each one, with faults of the store.
//!
//! The maps know the contract and not how the engine keeps it: the value that a member becomes is written down beside
//! the value that is sent, and a list is a list. `table` has the members of every kind, `sample` the values that they
//! are given, `state` what writes do to records of any kind, `rules` the rules of single kinds, `view` the records as
//! they are read, `history` what they were, and `events` what is told of their changes. The engine chooses the ids of new records; the maps take them over.

mod compare;
mod events;
mod history;
mod operation;
mod rules;
mod sample;
mod state;
mod table;
mod view;
mod walk;

use std::sync::Arc;

use libtest_mimic::Trial;
use rally_core::store::{MemoryStore, Store};

pub use walk::{walk, walk_and_move};

/// Walks that differ in their seed and in whether the store fails, each on a fresh store from `make`.
#[must_use]
pub fn model_trials(backend: &str, make: impl Fn() -> Arc<dyn Store> + Send + Sync + 'static) -> Vec<Trial> {
    let make = Arc::new(make);
    let walks = [
        ("random_operations_do_what_they_do_to_plain_maps", 0..4, 0),
        ("random_operations_on_a_store_that_fails_do_what_they_do_to_plain_maps", 4..8, 3),
    ];
    let moving = {
        let make = Arc::clone(&make);
        Trial::test(format!("{backend}::tenants_that_move_to_another_store_go_on_as_they_were"), move || {
            walk_and_move(make(), Arc::new(MemoryStore::new()), 8, STEPS / 2);
            walk_and_move(Arc::new(MemoryStore::new()), make(), 9, STEPS / 2);
            Ok(())
        })
    };
    let walking = walks.into_iter().map(|(name, seeds, faults)| {
        let make = Arc::clone(&make);
        Trial::test(format!("{backend}::{name}"), move || {
            seeds.clone().for_each(|seed| walk(make(), seed, STEPS, faults));
            Ok(())
        })
    });
    walking.chain([moving]).collect()
}

/// Operations of one walk: enough for blocks of the lists to be closed.
const STEPS: usize = 400;
