use std::{path::Path, process::ExitCode, sync::Arc};

use libtest_mimic::{Arguments, Trial};
use rally_core::store::Store;

use crate::properties::{self, Place, Property};

/// Every property of the store contract as a trial, each on a fresh store from `make`.
#[must_use]
pub fn store_trials(backend: &str, make: impl Fn() -> Arc<dyn Store> + Send + Sync + 'static) -> Vec<Trial> {
    trials(backend, properties::of_a_store(), make)
}

/// Every property of an engine's views, transactions and feed as a trial, each on a fresh store from `make`.
#[must_use]
pub fn engine_trials(backend: &str, make: impl Fn() -> Arc<dyn Store> + Send + Sync + 'static) -> Vec<Trial> {
    trials(backend, properties::of_an_engine(), make)
}

/// Every property of a store that keeps one file as a trial, each on a fresh path.
///
/// `open` opens the file at the path, and creates it if there is none. It is closed by dropping the store.
#[must_use]
pub fn reopen_trials(
    backend: &str,
    open: impl Fn(&Path) -> Arc<dyn Store> + Send + Sync + 'static,
) -> Vec<Trial> {
    let open: Arc<properties::Open> = Arc::new(open);
    trials(backend, properties::of_a_file(), move || Place::new(Arc::clone(&open)))
}

/// Every property of [`store_trials`] and [`reopen_trials`] on files.
#[must_use]
pub fn file_trials(
    backend: &str,
    open: impl Fn(&Path) -> Arc<dyn Store> + Send + Sync + 'static,
) -> Vec<Trial> {
    let open: Arc<properties::Open> = Arc::new(open);
    let reopen = Arc::clone(&open);
    let mut trials = reopen_trials(backend, move |path| reopen(path));
    trials.extend(properties::of_a_store().into_iter().map(|property| {
        let open = Arc::clone(&open);
        Trial::test(format!("{backend}::{}", property.name()), move || {
            let place = Place::new(open);
            property.check(&place.open());
            Ok(())
        })
    }));
    trials
}

/// Runs trials as the arguments of the process ask, which are those of a test binary; nextest knows them too.
#[must_use]
pub fn run(trials: Vec<Trial>) -> ExitCode {
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trials<S: 'static>(
    backend: &str,
    properties: Vec<Property<S>>,
    make: impl Fn() -> S + Send + Sync + 'static,
) -> Vec<Trial> {
    let make = Arc::new(make);
    let trial = |property: Property<S>| {
        let make = Arc::clone(&make);
        Trial::test(format!("{backend}::{}", property.name()), move || {
            property.check(&make());
            Ok(())
        })
    };
    properties.into_iter().map(trial).collect()
}
