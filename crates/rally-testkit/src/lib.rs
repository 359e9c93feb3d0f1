//! Tools that Rally's own tests share.
//!
//! - [`properties`]: what the store contract promises, as named checks that any backend runs on a fresh store;
//! - [`model_trials`]: random operations on an engine and on plain maps, compared after each one;
//! - [`check_consistency`]: checks that records, lists, totals, natural keys, references and feed agree;
//! - [`FaultyStore`] and [`CountingStore`]: stores that fail when told to, and that count what they are asked;
//! - [`SharedStore`]: a store that several engines share, as servers do;
//! - [`FailoverStore`]: a store that loses its last commits when told to, as a database that fails over;
//! - [`corpus`]: small files that importers were complained about, and what must come of each;
//! - [`FixedClock`] and [`SeededEntropy`]: the time and the randomness of a run that can be repeated;
//! - [`postgres`]: private PostgreSQL servers, which a test may kill.
//!
//! A backend's `tests/properties.rs` (with `harness = false`) is this:
//!
//! ```no_run
//! use std::{process::ExitCode, sync::Arc};
//!
//! use rally_core::store::MemoryStore;
//!
//! fn main() -> ExitCode {
//!     rally_testkit::run(rally_testkit::store_trials("memory", || Arc::new(MemoryStore::new())))
//! }
//! ```
//!
//! A backend that keeps one file adds [`file_trials`], which hand it the path.

#![expect(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a check says that something does not hold by a panic, and is wrong itself if it meets another"
)]

mod consistency;
mod corpus;
mod counting;
mod environment;
mod failover;
mod faulty;
mod model;
pub mod postgres;
pub mod properties;
mod random;
mod resources;
mod shared;
mod trials;

pub use consistency::check_consistency;
pub use corpus::{CorpusCase, corpus, corpus_world};
pub use counting::{CountingStore, Counts};
pub use environment::{FixedClock, SeededEntropy, environment};
pub use failover::FailoverStore;
pub use faulty::{FaultyStore, ReadFault, WriteFault};
pub use model::{model_trials, walk, walk_and_move};
pub use random::Random;
pub use shared::SharedStore;
pub use trials::{engine_trials, file_trials, reopen_trials, run, store_trials};
