//! The waiting time of one tenant while another floods the server, beside its waiting time alone.
//!
//! One tenant has many records, no rate limit, and floods a server in this process with one kind of request; another
//! reads and creates one record after the other. Target: its p99 is at most ten times that of it alone, and at most
//! 100 ms. `/healthz` is asked meanwhile, too.
//!
//! `cargo bench -p rally-benches --bench fairness -- redb bulk` measures the floods whose name begins with `bulk`, on
//! redb. The environment says how much: `RALLY_BENCH_RECORDS` (60,000) contacts and as many deals,
//! `RALLY_BENCH_LINKS` (50,000) links to each record that is deleted, `RALLY_BENCH_SECONDS` (5) of a flood,
//! `RALLY_BENCH_CONNECTIONS` (32) that flood.

#![expect(clippy::print_stdout, reason = "printing the table is what it is for")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on has nothing better to do than stop"
)]

mod client;
mod floods;
mod samples;
mod server;

use std::{
    env, thread,
    time::{Duration, Instant},
};

use rally_benches::fixture;

use crate::{
    floods::{FLOODS, Flood},
    samples::Samples,
    server::Server,
};

/// The sizes of a run.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    records: u64,
    links: u64,
    time: Duration,
    connections: usize,
}

const STORES: [&str; 2] = ["redb", "postgres"];

impl Sizes {
    fn from_environment() -> Self {
        if !fixture::is_measuring() {
            return Self { records: 400, links: 50, time: Duration::from_millis(100), connections: 4 };
        }
        Self {
            records: variable("RALLY_BENCH_RECORDS", 60_000),
            links: variable("RALLY_BENCH_LINKS", 50_000),
            time: Duration::from_secs(variable("RALLY_BENCH_SECONDS", 5)),
            connections: usize::try_from(variable("RALLY_BENCH_CONNECTIONS", 32))
                .expect("a number of connections"),
        }
    }
}

fn variable(name: &str, otherwise: u64) -> u64 {
    env::var(name).map_or(otherwise, |number| number.parse().expect("a number in the environment"))
}

fn main() {
    let words: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let chosen = |store: &str| {
        !words.iter().any(|word| STORES.contains(&&**word)) || words.iter().any(|word| word == store)
    };
    let sizes = Sizes::from_environment();
    for store in STORES.into_iter().filter(|store| chosen(store)) {
        let Some(server) = Server::start(store, sizes) else { continue };
        println!("{store}, {sizes:?}; milliseconds: p50 / p99 / longest (how many)");
        let alone = server.victim(|| let_pass(sizes.time));
        report("alone", &alone, None);
        for flood in &FLOODS {
            let is_named = |word: &&String| !STORES.contains(&&***word);
            if words.iter().filter(is_named).count() == 0
                || words.iter().any(|word| flood.name.starts_with(&**word))
            {
                report(flood.name, &measure(&server, flood, sizes), Some(&alone));
            }
        }
    }
}

fn let_pass(time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        thread::park_timeout(left);
    }
}

fn measure(server: &Server, flood: &Flood, sizes: Sizes) -> [Samples; 3] {
    let prepared = (flood.prepare)(server, sizes);
    let measured = server.victim(|| (flood.run)(server, sizes, &prepared));
    server.settle();
    measured
}

fn report(name: &str, [gets, creates, health]: &[Samples; 3], alone: Option<&[Samples; 3]>) {
    println!("{name}");
    for (place, (what, samples)) in
        [("get", gets), ("create", creates), ("/healthz", health)].into_iter().enumerate()
    {
        let ratio = alone.and_then(|alone| alone.get(place)).map(|alone| samples.p99() / alone.p99());
        let ratio = ratio.map(|ratio| format!("{ratio:.1} times alone")).unwrap_or_default();
        println!("  {what:<10}{:<44}{ratio}", samples.show());
    }
}
