//! The time from a change to its delivery over loopback, the deliveries a second, what a webhook costs a create, and how
//! much a receiver that never answers holds up.
//!
//! Targets: from the call that makes a change to the arrival of its event p50 at most 10 ms and p99 at most 50 ms, 2,000
//! deliveries a second, and another tenant's events under a second while one webhook has 100,000 for a receiver that never
//! answers.
//!
//! `cargo bench -p rally-benches --bench webhooks -- redb` measures on redb alone; the others are `memory` and `postgres`.
//! The environment says how much: `RALLY_BENCH_RECORDS` (20,000) events to deliver, `RALLY_BENCH_WAITING` (100,000) for the
//! receiver that never answers.

#![expect(clippy::print_stdout, reason = "printing the table is what it is for")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing better to do than stop")]

mod receiver;
mod rows;
mod store;

use std::env;

use rally_benches::fixture;

use crate::store::{Opened, STORES};

/// The sizes of a run.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    /// Changes whose delivery is waited for, one after the other.
    latencies: usize,
    /// Events that are delivered as fast as they can be.
    events: usize,
    /// Events that wait for a receiver that never answers.
    waiting: usize,
}

impl Sizes {
    fn from_environment() -> Self {
        if !fixture::is_measuring() {
            return Self { latencies: 5, events: 100, waiting: 200 };
        }
        let events = variable("RALLY_BENCH_RECORDS", 20_000);
        Self { latencies: events / 20, events, waiting: variable("RALLY_BENCH_WAITING", 100_000) }
    }
}

fn variable(name: &str, otherwise: usize) -> usize {
    env::var(name).map_or(otherwise, |number| number.parse().expect("a number in the environment"))
}

fn main() {
    let words: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let sizes = Sizes::from_environment();
    for name in STORES.into_iter().filter(|name| words.is_empty() || words.iter().any(|word| word == name)) {
        let Some(opened) = Opened::new(name) else { continue };
        println!("{name}, {sizes:?}");
        rows::latency(&opened, sizes.latencies);
        rows::throughput(&opened, sizes.events, 1);
        rows::throughput(&opened, sizes.events, 8);
        rows::black_hole(&opened, sizes);
        // Nobody is there to take their events, so they are the last.
        rows::cost_of_a_create(&opened, sizes.events / 10);
    }
}
