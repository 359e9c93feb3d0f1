use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use parking_lot::{Condvar, Mutex, MutexGuard};
use uuid::Uuid;

use crate::base::{TenantId, Timestamp};

/// Tenants with something to deliver, as far as this process knows, and the deliveries that it has in flight.
///
/// Tenants take turns: one that has had its turn goes behind all others that are due.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    state: Mutex<State>,
    changed: Condvar,
    /// Held while claims are made.
    claiming: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Tenants by the instant at which to look at them, and by their turns.
    turns: BTreeMap<(Timestamp, u64), TenantId>,
    places: HashMap<TenantId, (Timestamp, u64)>,
    next_turn: u64,
    /// Counts what may have made something due.
    wakes: u64,
    seen: u64,
    in_flight: HashMap<(TenantId, Uuid), usize>,
    /// True when what is due waits for the end of an attempt.
    is_full: bool,
    /// The instant of the last look at the directory, and the tenant up to which it was read.
    looked: Option<(Timestamp, Option<TenantId>)>,
}

/// A delivery in flight. Its place is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    agenda: Arc<Agenda>,
    of: (TenantId, Uuid),
}

impl Agenda {
    /// Notes that something of a tenant may be due.
    pub(crate) fn note(&self, tenant: TenantId) {
        self.state.lock().plan(tenant, Timestamp::MIN);
        self.wake();
    }

    /// Ends a wait.
    pub(crate) fn wake(&self) {
        self.state.lock().wakes += 1;
        self.changed.notify_all();
    }

    /// Waits until something may have become due since the last wait, at most `timeout`; true when it has.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let mut state = self.state.lock();
        self.changed.wait_while_for(&mut state, |state| state.wakes == state.seen, timeout);
        let is_woken = state.wakes != state.seen;
        state.seen = state.wakes;
        is_woken
    }

    /// Plans a look at a tenant, unless an earlier one is planned.
    pub(crate) fn plan(&self, tenant: TenantId, at: Timestamp) {
        self.state.lock().plan(tenant, at);
    }

    /// Waits until no other claims are being made, and keeps others from being made while the guard lives.
    pub(crate) fn claiming(&self) -> MutexGuard<'_, ()> {
        self.claiming.lock()
    }

    /// Takes the tenant whose turn it is off the agenda, with the number of the turn.
    pub(crate) fn next(&self, now: Timestamp) -> Option<(TenantId, u64)> {
        let mut state = self.state.lock();
        let (place, tenant) = state.turns.first_key_value().map(|(place, tenant)| (*place, *tenant))?;
        if place.0 > now {
            return None;
        }
        state.turns.remove(&place);
        state.places.remove(&tenant);
        Some((tenant, place.1))
    }

    /// Notes that no more deliveries can be in flight.
    pub(crate) fn fill(&self) {
        let mut state = self.state.lock();
        state.is_full = !state.in_flight.is_empty();
    }

    /// The instant of the next look at any tenant; `None` while the end of an attempt has to be waited for.
    pub(crate) fn next_look(&self) -> Option<Timestamp> {
        let state = self.state.lock();
        if state.is_full {
            return None;
        }
        state.turns.first_key_value().map(|((at, _), _)| *at)
    }

    /// Deliveries in flight, of all tenants.
    pub(crate) fn all_in_flight(&self) -> usize {
        self.state.lock().in_flight.values().sum()
    }

    /// Deliveries of a tenant that are in flight, by subscriber.
    pub(crate) fn in_flight_of(&self, tenant: TenantId) -> HashMap<Uuid, usize> {
        let state = self.state.lock();
        let of_tenant = state.in_flight.iter().filter(|((of, _), _)| *of == tenant);
        of_tenant.map(|((_, subscriber), count)| (*subscriber, *count)).collect()
    }

    /// Counts a delivery as in flight.
    pub(crate) fn take(self: &Arc<Self>, tenant: TenantId, subscriber: Uuid) -> InFlight {
        *self.state.lock().in_flight.entry((tenant, subscriber)).or_default() += 1;
        InFlight { agenda: Arc::clone(self), of: (tenant, subscriber) }
    }

    /// True when the directory is to be looked at: at first, and each second if others write to it, too. Answers the
    /// tenant behind which to go on.
    pub(crate) fn begin_look(&self, now: Timestamp, is_shared: bool) -> Option<Option<TenantId>> {
        let state = self.state.lock();
        match state.looked {
            None => Some(None),
            Some((at, last)) if is_shared && (now >= at.plus_micros(1_000_000) || now < at) => Some(last),
            _ => None,
        }
    }

    /// Notes a look at the directory: the tenant up to which it was read, `None` at its end.
    pub(crate) fn end_look(&self, now: Timestamp, last: Option<TenantId>) {
        self.state.lock().looked = Some((now, last));
    }
}

impl State {
    fn plan(&mut self, tenant: TenantId, at: Timestamp) {
        match self.places.get(&tenant) {
            Some((planned, _)) if *planned <= at => return,
            Some(place) => drop(self.turns.remove(place)),
            None => {}
        }
        let place = (at, self.next_turn);
        self.next_turn += 1;
        self.places.insert(tenant, place);
        self.turns.insert(place, tenant);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.agenda.state.lock();
        if let Some(count) = state.in_flight.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                state.in_flight.remove(&self.of);
            }
        }
        state.is_full = false;
        state.plan(self.of.0, Timestamp::MIN);
        state.wakes += 1;
        drop(state);
        self.agenda.changed.notify_all();
    }
}
