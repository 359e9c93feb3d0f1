use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

use crate::base::TenantId;

/// Wakes the readers of a tenant's feed that wait in this process for a change.
///
/// A tenant has an entry only while a reader waits, so this costs writers one atomic read and grows with waiting
/// readers alone.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    waiting: AtomicUsize,
    tenants: Mutex<HashMap<TenantId, Arc<Signal>>>,
}

#[derive(Debug, Default)]
struct Signal {
    /// Counts commits since somebody began to wait.
    commits: Mutex<u64>,
    changed: Condvar,
}

/// A reader that waits. Each commit after its creation wakes it.
pub(crate) struct Waiter<'s> {
    signals: &'s Signals,
    tenant: TenantId,
    signal: Arc<Signal>,
    seen: u64,
}

impl Signals {
    /// Wakes those who wait for a change of a tenant.
    pub(crate) fn notify(&self, tenant: TenantId) {
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        if let Some(signal) = self.tenants.lock().get(&tenant) {
            *signal.commits.lock() += 1;
            signal.changed.notify_all();
        }
    }

    /// Begins to wait for later commits. Look for earlier changes after this call.
    pub(crate) fn waiter(&self, tenant: TenantId) -> Waiter<'_> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let signal = Arc::clone(self.tenants.lock().entry(tenant).or_default());
        let seen = *signal.commits.lock();
        Waiter { signals: self, tenant, signal, seen }
    }
}

impl Waiter<'_> {
    /// Waits for the next commit, at most `timeout`; true when there was one.
    pub(crate) fn wait(&mut self, timeout: Duration) -> bool {
        let mut commits = self.signal.commits.lock();
        let seen = self.seen;
        self.signal.changed.wait_while_for(&mut commits, |commits| *commits == seen, timeout);
        self.seen = *commits;
        self.seen != seen
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut tenants = self.signals.tenants.lock();
        // The map and this waiter are the only owners, so no other reader waits.
        if Arc::strong_count(&self.signal) == 2 {
            tenants.remove(&self.tenant);
        }
        self.signals.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_commit_wakes_each_reader_that_waits_and_no_entry_stays() {
        let signals = Signals::default();
        let tenant = TenantId::DIRECTORY;
        let mut waiter = signals.waiter(tenant);
        assert!(!waiter.wait(Duration::ZERO));
        thread::scope(|scope| {
            scope.spawn(|| signals.notify(tenant));
            assert!(waiter.wait(Duration::from_secs(60)));
        });
        assert!(!waiter.wait(Duration::ZERO));
        let other = signals.waiter(tenant);
        drop(waiter);
        assert_eq!(signals.tenants.lock().len(), 1);
        drop(other);
        assert!(signals.tenants.lock().is_empty());
        assert_eq!(signals.waiting.load(Ordering::SeqCst), 0);
    }
}
