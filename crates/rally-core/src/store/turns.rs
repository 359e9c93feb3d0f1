use std::{collections::HashSet, sync::Arc};

use parking_lot::{Condvar, Mutex};

use crate::base::{RoundRobin, TenantId};

/// A turn, which one thread has at a time. Those who wait for it get it tenant by tenant.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<Line>);

/// The turn of a thread, which passes on when it is dropped.
#[derive(Debug)]
pub(super) struct Taken<'t>(&'t Turns);

#[derive(Debug, Default)]
struct Line {
    is_taken: bool,
    /// Empty unless the turn is taken.
    waiting: RoundRobin<TenantId, Arc<Waiter>>,
    /// The tenants that have had a turn in the group that is open.
    in_group: HashSet<TenantId>,
}

/// The place where a thread waits until it is called.
#[derive(Debug, Default)]
struct Waiter {
    is_called: Mutex<bool>,
    called: Condvar,
}

impl Turns {
    /// Waits for the turn.
    pub(super) fn take(&self, tenant: TenantId) -> Taken<'_> {
        if let Some(waiter) = self.line_up(tenant) {
            waiter.wait();
        }
        Taken(self)
    }

    /// Takes the turn if nobody has it.
    pub(super) fn try_take(&self) -> Option<Taken<'_>> {
        let mut line = self.0.lock();
        if line.is_taken {
            return None;
        }
        line.is_taken = true;
        Some(Taken(self))
    }

    /// The number of threads that wait for a turn of a tenant.
    pub(super) fn waiting(&self, tenant: TenantId) -> usize {
        self.0.lock().waiting.len_of(&tenant)
    }

    /// True when nobody waits for the turn.
    pub(super) fn is_last(&self) -> bool {
        self.0.lock().waiting.is_empty()
    }

    /// True when each tenant that waits has had a turn in the group that is open.
    pub(super) fn is_round_over(&self) -> bool {
        let line = self.0.lock();
        line.waiting.keys().all(|tenant| line.in_group.contains(tenant))
    }

    /// Notes that a tenant has had a turn in the group that is open.
    pub(super) fn note_in_group(&self, tenant: TenantId) {
        self.0.lock().in_group.insert(tenant);
    }

    /// Notes that no group is open.
    pub(super) fn end_group(&self) {
        self.0.lock().in_group.clear();
    }

    /// Takes the turn, or gives the place to wait for it.
    fn line_up(&self, tenant: TenantId) -> Option<Arc<Waiter>> {
        let mut line = self.0.lock();
        if !line.is_taken {
            line.is_taken = true;
            return None;
        }
        let waiter = Arc::new(Waiter::default());
        line.waiting.push(tenant, Arc::clone(&waiter));
        Some(waiter)
    }
}

impl Drop for Taken<'_> {
    /// Hands the turn over, so that no thread that comes meanwhile gets in before those who wait.
    fn drop(&mut self) {
        let mut line = self.0.0.lock();
        match line.next() {
            Some(next) => next.call(),
            None => line.is_taken = false,
        }
    }
}

impl Line {
    /// The next thread: one of a tenant that has had no turn in the open group, if there is one, as it can still share
    /// the group's commit.
    fn next(&mut self) -> Option<Arc<Waiter>> {
        let Self { waiting, in_group, .. } = self;
        let next = waiting.pop_of(|tenant| !in_group.contains(tenant)).or_else(|| waiting.pop())?;
        Some(next.1)
    }
}

impl Waiter {
    fn wait(&self) {
        let mut is_called = self.is_called.lock();
        while !*is_called {
            self.called.wait(&mut is_called);
        }
    }

    fn call(&self) {
        *self.is_called.lock() = true;
        self.called.notify_one();
    }
}
