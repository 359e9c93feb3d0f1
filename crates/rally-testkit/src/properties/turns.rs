//! The promises of [`GroupQueue::write`](rally_core::store::GroupQueue::write) to writers of different tenants.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use parking_lot::Mutex;
use rally_core::{
    TenantId,
    store::{Batch, Commit, Snapshot},
};

use super::{
    Property,
    given::{NEIGHBOUR, TENANT, puts},
    group::{Grouped, Subject, alone, applied, first, second},
    threads::{Task, until},
};

pub(super) fn properties() -> Vec<Property<Arc<dyn Grouped>>> {
    vec![
        Property::of(writers_of_different_tenants_take_turns),
        Property::of(a_group_whose_time_is_up_takes_a_tenant_that_had_no_turn_in_it),
    ]
}

fn writers_of_different_tenants_take_turns(subject: &Subject) {
    const MANY: usize = 3;
    let order = Arc::new(Mutex::new(Vec::new()));
    let (steered, turns, (send, tasks)) = (Arc::clone(subject), Arc::clone(&order), mpsc::channel());
    let told = alone(subject, move |_| {
        let start = |tenant: TenantId| {
            let (subject, turns) = (Arc::clone(&steered), Arc::clone(&turns));
            let build = move |_: &dyn Snapshot| {
                turns.lock().push(tenant);
                Ok(puts([(first(), "1")]))
            };
            let _ = send.send(Task::start(move || subject.store().write(tenant, &mut { build })));
        };
        for others in 1..=MANY {
            start(TENANT);
            until("another writer of the tenant", || steered.waiting(TENANT) == others);
        }
        start(NEIGHBOUR);
        // Where each tenant has a turn of its own, it need not wait.
        let has_begun = || steered.waiting(NEIGHBOUR) > 0 || turns.lock().contains(&NEIGHBOUR);
        until("a writer of another tenant", has_begun);
        Ok(Batch::new())
    });
    applied(Ok(told));
    for task in tasks {
        assert_eq!(task.finish("a write").expect("a healthy store takes a write"), Commit::Applied);
    }
    let before = order.lock().iter().take_while(|tenant| **tenant != NEIGHBOUR).count();
    assert!(before <= 1, "the only writer of a tenant waited for {before} of another's {MANY}");
}

fn a_group_whose_time_is_up_takes_a_tenant_that_had_no_turn_in_it(subject: &Subject) {
    let subject = &subject.committing_after(Duration::from_nanos(1));
    let before = subject.commits();
    let (has_written, is_shared) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (steered, written, shared) = (Arc::clone(subject), Arc::clone(&has_written), Arc::clone(&is_shared));
    let (send, tasks) = mpsc::channel();
    let told = alone(subject, move |_| {
        let start = |tenant: TenantId| {
            let (subject, written) = (Arc::clone(&steered), Arc::clone(&written));
            let build = move |_: &dyn Snapshot| {
                written.fetch_or(tenant == NEIGHBOUR, Ordering::SeqCst);
                Ok(puts([(second(), "1")]))
            };
            let _ = send.send(Task::start(move || subject.store().write(tenant, &mut { build })));
        };
        start(TENANT);
        until("another writer of the tenant", || steered.waiting(TENANT) == 1);
        start(NEIGHBOUR);
        until("a writer of another tenant", || {
            shared.store(steered.waiting(NEIGHBOUR) > 0, Ordering::SeqCst);
            shared.load(Ordering::SeqCst) || written.load(Ordering::SeqCst)
        });
        Ok(puts([(first(), "1")]))
    });
    applied(Ok(told));
    for task in tasks {
        assert_eq!(task.finish("a write").expect("a healthy store takes a write"), Commit::Applied);
    }
    // Where each tenant has a turn of its own, there is no group to take it.
    let expected = if is_shared.load(Ordering::SeqCst) { 2 } else { 3 };
    assert_eq!(subject.commits() - before, expected, "commits of three writes of two tenants");
}
