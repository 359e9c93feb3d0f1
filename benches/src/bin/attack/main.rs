//! Attacks on the program `rally`, each with the figures that it comes to and the bounds that these should keep.
//!
//! It starts the program that it is given, also one of an earlier build, on a store of its own with real data loaded,
//! attacks it from outside, and leaves nothing behind:
//!
//! ```text
//! cargo build --release -p rally-http
//! cargo run --release -p rally-benches --bin attack -- --rally target/release/rally --store redb --data FOLDER
//! ```
//!
//! `FOLDER` has `contacts.csv`, `accounts.csv`, `sales_teams.csv` and `sales_pipeline.csv`. `--list` names the attacks,
//! `--only` chooses some of them, and `--json` with `--beside` puts the figures of two programs side by side. Linux
//! only, and some attacks need root: they say so where they cannot be made.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the figures are what it is run for")]

mod arguments;
mod attack;
mod client;
mod connections;
mod damage;
mod data;
mod fairness;
mod files;
mod flood;
mod ground;
mod guessing;
mod keys;
mod logs;
mod memory;
mod messages;
mod outages;
mod process;
mod report;
mod sample;
mod scans;
mod server;
mod stopping;
mod wire;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::timeout,
};

use crate::{
    arguments::Arguments,
    attack::{Attack, Stop},
    ground::Ground,
    report::Report,
};

/// Time that one attack has.
const OVERDUE: Duration = Duration::from_secs(420);

/// All attacks, in the order in which they are made.
fn attacks() -> Vec<Attack> {
    let parts = [
        memory::ATTACKS,
        connections::ATTACKS,
        messages::ATTACKS,
        data::ATTACKS,
        fairness::ATTACKS,
        guessing::ATTACKS,
        keys::ATTACKS,
        files::ATTACKS,
        damage::ATTACKS,
        stopping::ATTACKS,
        logs::ATTACKS,
        scans::ATTACKS,
        outages::ATTACKS,
    ];
    parts.concat()
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let chosen: Vec<Attack> = attacks().into_iter().filter(|attack| arguments.wants(attack)).collect();
    if arguments.list {
        for attack in chosen {
            println!("{} {}: {}", attack.section, attack.name, attack.what);
        }
        return ExitCode::SUCCESS;
    }
    let made = tokio::runtime::Runtime::new().map_err(Stop::from);
    match made.and_then(|runtime| runtime.block_on(until_interrupted(arguments, &chosen))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            eprintln!("attack: {stop}");
            ExitCode::FAILURE
        }
    }
}

/// Makes the attacks. An interruption ends them in order, so that servers, mounts and files go.
async fn until_interrupted(arguments: Arguments, chosen: &[Attack]) -> Result<(), Stop> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        made = make(arguments, chosen) => made,
        _ = terminate.recv() => Err(Stop::failed("terminated")),
        _ = tokio::signal::ctrl_c() => Err(Stop::failed("interrupted")),
    }
}

async fn make(arguments: Arguments, chosen: &[Attack]) -> Result<(), Stop> {
    process::allow_many_files();
    let mut report = Report::new(&arguments)?;
    let ground = Ground::new(arguments)?;
    for attack in chosen {
        eprintln!("{} …", attack.name);
        let made = timeout(OVERDUE, (attack.run)(&ground)).await;
        report.add(attack, made.unwrap_or_else(|_| Err(Stop::failed("it does not end"))))?;
    }
    report.close();
    Ok(())
}
