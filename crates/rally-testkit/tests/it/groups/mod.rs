//! Group commit with a backend whose faults are chosen.

pub(crate) mod scripted;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use rally_core::store::{GroupOptions, Limits, Store};
use rally_testkit::properties::{Grouped, Property, of_a_store, of_group_commit};
use scripted::Scripted;

/// Small enough to be reached.
pub(crate) const OPTIONS: GroupOptions =
    GroupOptions { limits: Limits::LEAST, members: 6, bytes: 1 << 20, time: Duration::MAX, attempts: 3 };

/// The names of the properties that a subject fails.
fn failed<S>(properties: Vec<Property<S>>, fresh: impl Fn() -> S) -> Vec<&'static str> {
    let fails = |property: &Property<S>| {
        let subject = fresh();
        catch_unwind(AssertUnwindSafe(|| property.check(&subject))).is_err()
    };
    properties.iter().filter(|property| fails(property)).map(Property::name).collect()
}

#[test]
fn group_commit_keeps_its_promises_whether_writes_are_run_again_or_not() {
    for attempts in [1, 3] {
        let fresh = || -> Arc<dyn Grouped> { Arc::new(Scripted::new(GroupOptions { attempts, ..OPTIONS })) };
        assert_eq!(failed(of_group_commit(), fresh), Vec::<&str>::new(), "with {attempts} attempts");
    }
}

#[test]
fn a_store_that_commits_in_groups_keeps_the_promises_of_every_store() {
    let fresh = || -> Arc<dyn Store> { Arc::new(Scripted::new(OPTIONS)) };
    assert_eq!(failed(of_a_store(), fresh), Vec::<&str>::new());
}
