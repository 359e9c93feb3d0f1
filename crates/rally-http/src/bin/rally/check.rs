//! `rally check`: whether all that is derived in a store is as what it is derived from says.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use rally_core::StoreCheck;

use crate::{
    admin::open,
    arguments::CommandArguments,
    failure::Failure,
    store::Need,
    table::{Cell, Table},
};

/// Time between two lines of progress where nobody sees a line change.
const TOLD_EVERY: Duration = Duration::from_secs(10);

pub(crate) fn run(on: &CommandArguments) -> Result<(), Failure> {
    let engine = open(&on.store, Need::Existing)?;
    let mut progress = Progress::new();
    let checked = engine.check_store(&mut |slug, rows| progress.told(slug, rows))?;
    progress.end();
    let table = Table::begin(on.form(), ["tenant", "damage", "repair"])?;
    for damage in &checked.damages {
        let repair = if damage.can_be_rebuilt { "rally repair" } else { "a backup" };
        table.row([Cell::of(&damage.slug), Cell::of(&damage.what), Cell::of(repair)])?;
    }
    conclude(&checked)
}

fn conclude(checked: &StoreCheck) -> Result<(), Failure> {
    let StoreCheck { rows, tenants, damaged, damages } = checked;
    if *damaged == 0 {
        // The empty table is the result; the sentence is for a person.
        drop(writeln!(io::stderr(), "rally: {rows} rows of {tenants} tenants agree with each other"));
        return Ok(());
    }
    let mend = if damages.iter().all(|damage| damage.can_be_rebuilt) {
        "`rally repair` makes a new store without them"
    } else {
        "put the store back from a backup, as some of it cannot be made anew"
    };
    Err(Failure::new(format!("{damaged} damages in {rows} rows of {tenants} tenants; {mend}")).of_findings())
}

/// Tells a person how far it is.
struct Progress {
    is_terminal: bool,
    told_at: Instant,
}

impl Progress {
    fn new() -> Self {
        Self { is_terminal: io::stderr().is_terminal(), told_at: Instant::now() }
    }

    fn told(&mut self, slug: &str, rows: u64) {
        let every = if self.is_terminal { Duration::from_millis(200) } else { TOLD_EVERY };
        if self.told_at.elapsed() < every {
            return;
        }
        self.told_at = Instant::now();
        let of = if slug.is_empty() { "the directory" } else { slug };
        let (begin, end) = if self.is_terminal { ("\r\x1B[K", "") } else { ("", "\n") };
        // Not worth a failure when there is nobody to tell.
        drop(write!(io::stderr(), "{begin}rally: {of}: {rows} rows{end}"));
    }

    fn end(&self) {
        if self.is_terminal {
            drop(write!(io::stderr(), "\r\x1B[K"));
        }
    }
}
