use std::{path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};

use crate::attack::Attack;

/// Attacks the program `rally`, and prints what the attacks come to beside what they should.
#[derive(Clone, Debug, Parser)]
#[command(name = "attack")]
pub(crate) struct Arguments {
    /// The program to attack
    #[arg(long, value_name = "PROGRAM", default_value = "target/release/rally")]
    pub(crate) rally: PathBuf,
    /// The store that it runs on; PostgreSQL is started for it
    #[arg(long, value_enum, default_value_t = StoreKind::Redb)]
    pub(crate) store: StoreKind,
    /// Folder of the CSV files that are loaded
    #[arg(long, value_name = "FOLDER", default_value = "data")]
    pub(crate) data: PathBuf,
    /// A part of the names of the attacks to make, or the number of their section. May be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// Name the attacks, and make none
    #[arg(long)]
    pub(crate) list: bool,
    /// Print a line of JSON for each figure
    #[arg(long)]
    pub(crate) json: bool,
    /// The output of an earlier run with `--json`, to be put beside this one's figures
    #[arg(long, value_name = "FILE")]
    pub(crate) beside: Option<PathBuf>,
    /// Contacts of the tenant that floods
    #[arg(long, value_name = "N", default_value_t = 60_000)]
    pub(crate) records: usize,
    /// Seconds that a flood lasts
    #[arg(long, value_name = "SECONDS", default_value_t = 6)]
    pub(crate) seconds: u64,
    /// Seconds that slow connections are watched
    #[arg(long, value_name = "SECONDS", default_value_t = 85)]
    pub(crate) patience: u64,
    /// Silent sockets
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) sockets: usize,
    /// Repetitions of what is tried often: kills at the first start, flipped bytes
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub(crate) tries: usize,
    /// Memory at which a server is killed rather than the machine, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 7_168)]
    pub(crate) memory_guard: u64,
}

/// A store that a server runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreKind {
    Redb,
    Postgres,
}

impl Arguments {
    pub(crate) fn wants(&self, attack: &Attack) -> bool {
        let is_named =
            |part: &String| attack.name.contains(part.as_str()) || attack.section.to_string() == *part;
        let is_chosen = self.only.is_empty() || self.only.iter().any(is_named);
        is_chosen && (self.list || attack.on.is_for(self.store))
    }

    pub(crate) fn flood_time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}
