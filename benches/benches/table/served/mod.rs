//! Requests that are served, beside a bare server that answers a constant: one generator on the same machine, 16
//! connections that stay open, with all headers, credentials and limits on.

mod generator;
mod server;

use std::time::Duration;

use rally_benches::{fixture, measure::Run};

use self::{
    generator::{Asked, throughput},
    server::{Kind, Server},
};

/// Time of one sample.
const SAMPLE: Duration = Duration::from_secs(1);
/// Samples of each server.
const ROUNDS: usize = 5;

/// A row: its name, what is asked for, and the targets on each of Rally's stores, as a part of the constant.
struct Row {
    name: &'static str,
    asked: Asked,
    /// The constant that the target is a part of.
    constant: Asked,
    target: f64,
}

const ROWS: [Row; 3] = [
    Row { name: "GET one", asked: Asked::One, constant: Asked::One, target: 0.75 },
    Row { name: "GET list of 100", asked: Asked::List, constant: Asked::List, target: 0.55 },
    // Three members of a hundred contacts are made of as many records, so they are held against one record.
    Row { name: "GET list, three members", asked: Asked::Three, constant: Asked::One, target: 0.40 },
];

/// Factor by which creating is to be faster than a server of SQLite written by hand.
const CREATE: f64 = 2.5;

pub(crate) fn measure(run: &mut Run) {
    println!(
        "{:<26}{:>12}{:>18}{:>12}{:>8}{:>12}{:>8}  target",
        "requests a second", "constant", "SQLite by hand", "memory", "part", "redb", "part"
    );
    let kinds = [Kind::Constant, Kind::ByHand, Kind::Memory, Kind::Redb];
    let servers = kinds.map(|kind| Server::start(kind, run.records));
    for Row { name, asked, constant, target } in ROWS {
        if run.wants(name) {
            let [of_constant, by_hand, memory, redb] = medians(&servers, [constant, asked, asked, asked]);
            let parts = [memory, redb].map(|median| median / of_constant);
            let mark = if parts.iter().all(|part| *part >= target) { ' ' } else { '!' };
            println!(
                "{name:<26}{of_constant:>12.0}{by_hand:>18.0}{memory:>12.0}{:>8.2}{redb:>12.0}{:>8.2}  ≥ {target} {mark}",
                parts[0], parts[1]
            );
        }
    }
    let name = "POST create";
    if run.wants(name) {
        let [_, by_hand, memory, redb] = medians(&servers, [Asked::Create; 4]);
        let mark = if redb >= CREATE * by_hand { ' ' } else { '!' };
        let times = redb / by_hand;
        println!(
            "{name:<26}{:>12}{by_hand:>18.0}{memory:>12.0}{:>8}{redb:>12.0}{times:>8.2}  ≥ {CREATE} × by hand {mark}",
            "", ""
        );
    }
}

/// The median throughput of each server, which take turns.
fn medians(servers: &[Server; 4], asked: [Asked; 4]) -> [f64; 4] {
    let (rounds, sample) =
        if fixture::is_measuring() { (ROUNDS, SAMPLE) } else { (1, Duration::from_millis(20)) };
    let mut samples = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        for ((server, asked), samples) in servers.iter().zip(asked).zip(&mut samples) {
            samples.push(throughput(server, asked, sample));
        }
    }
    samples.map(|mut samples| {
        samples.sort_by(f64::total_cmp);
        samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
    })
}
