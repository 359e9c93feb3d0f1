//! The places of a store's connections, which tenants that wait for one take in turns.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use rally_core::store::PoolFigures;
use uuid::Uuid;

/// So many places, of which one tenant has at most a share.
pub(crate) struct Turns {
    places: usize,
    share: usize,
    state: Mutex<State>,
}

/// A place for a connection. The next in turn has it when it is dropped.
pub(crate) struct Place {
    turns: Arc<Turns>,
    tenant: Uuid,
}

struct State {
    free: usize,
    /// The number of places of each tenant that has one.
    held: HashMap<Uuid, usize>,
    /// Those who wait, in the order of their arrival, of each tenant that has some.
    waiting: HashMap<Uuid, VecDeque<Arc<Waiter>>>,
    /// The tenants for which somebody waits, the next in turn first.
    round: VecDeque<Uuid>,
}

#[derive(Default)]
struct Waiter {
    has_place: AtomicBool,
    wake: Condvar,
}

impl Turns {
    pub(crate) fn new(places: usize, share: usize) -> Self {
        let (held, waiting, round) = Default::default();
        let (places, share) = (places.max(1), share.max(1));
        Self { places, share, state: Mutex::new(State { free: places, held, waiting, round }) }
    }

    /// Waits for a place; `None` when there is none before the time is up.
    pub(crate) fn take(self: &Arc<Self>, tenant: Uuid, longest: Duration) -> Option<Place> {
        let place = || Place { turns: Arc::clone(self), tenant };
        let mut state = self.state.lock();
        if state.free > 0 && state.has_less(tenant, self.share) && !state.waiting.contains_key(&tenant) {
            state.give(tenant);
            return Some(place());
        }
        let waiter = Arc::new(Waiter::default());
        state.join(tenant, &waiter);
        waiter.wake.wait_while_for(&mut state, |_| !waiter.has_place(), longest);
        if waiter.has_place() {
            return Some(place());
        }
        state.leave(tenant, &waiter);
        None
    }

    fn take_back(&self, tenant: Uuid) {
        let mut state = self.state.lock();
        state.free = state.free.saturating_add(1);
        match state.held.get_mut(&tenant) {
            Some(held) if *held > 1 => *held = held.saturating_sub(1),
            _ => drop(state.held.remove(&tenant)),
        }
        state.go_round(self.share);
    }

    pub(crate) fn figures(&self) -> PoolFigures {
        let state = self.state.lock();
        let waiting = state.waiting.values().map(VecDeque::len).sum();
        PoolFigures { places: self.places, in_use: self.places.saturating_sub(state.free), waiting }
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.figures().waiting
    }
}

impl State {
    fn has_less(&self, tenant: Uuid, share: usize) -> bool {
        self.held.get(&tenant).is_none_or(|held| *held < share)
    }

    fn give(&mut self, tenant: Uuid) {
        self.free = self.free.saturating_sub(1);
        let held = self.held.entry(tenant).or_default();
        *held = held.saturating_add(1);
    }

    fn join(&mut self, tenant: Uuid, waiter: &Arc<Waiter>) {
        let queue = self.waiting.entry(tenant).or_default();
        if queue.is_empty() {
            self.round.push_back(tenant);
        }
        queue.push_back(Arc::clone(waiter));
    }

    fn leave(&mut self, tenant: Uuid, waiter: &Arc<Waiter>) {
        let Some(queue) = self.waiting.get_mut(&tenant) else { return };
        queue.retain(|other| !Arc::ptr_eq(other, waiter));
        if queue.is_empty() {
            self.waiting.remove(&tenant);
            self.round.retain(|other| *other != tenant);
        }
    }

    /// Gives free places to one waiter of each tenant after the other, past tenants that have their share.
    fn go_round(&mut self, share: usize) {
        let mut passed = 0;
        while self.free > 0 && passed < self.round.len() {
            let Some(tenant) = self.round.pop_front() else { return };
            if !self.has_less(tenant, share) {
                self.round.push_back(tenant);
                passed += 1;
                continue;
            }
            self.serve(tenant);
            passed = 0;
        }
    }

    /// Gives a place to the first waiter of a tenant, which is at the end of the round then.
    fn serve(&mut self, tenant: Uuid) {
        let Some(queue) = self.waiting.get_mut(&tenant) else { return };
        let first = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&tenant);
        } else {
            self.round.push_back(tenant);
        }
        if let Some(waiter) = first {
            self.give(tenant);
            waiter.has_place.store(true, Ordering::Release);
            waiter.wake.notify_one();
        }
    }
}

impl Waiter {
    fn has_place(&self) -> bool {
        self.has_place.load(Ordering::Acquire)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.turns.take_back(self.tenant);
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn tenant(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    /// Starts a thread that takes a place, tells its tenant and gives it back, once it waits behind `ahead` others.
    fn line_up(turns: &Arc<Turns>, number: u128, ahead: usize, told: &mpsc::Sender<u128>) {
        let (waiting, told) = (Arc::clone(turns), told.clone());
        thread::spawn(move || {
            let place = waiting.take(tenant(number), LONG).unwrap();
            told.send(number).unwrap();
            drop(place);
        });
        while turns.waiting() <= ahead {
            thread::yield_now();
        }
    }

    #[test]
    fn tenants_that_wait_are_served_in_turns() {
        let turns = Arc::new(Turns::new(1, 1));
        let held = turns.take(tenant(9), LONG).unwrap();
        let (told, served) = mpsc::channel();
        for (ahead, number) in [1, 1, 1, 2, 3, 2].into_iter().enumerate() {
            line_up(&turns, number, ahead, &told);
        }
        drop((held, told));
        assert_eq!(served.iter().collect::<Vec<_>>(), [1, 2, 3, 1, 2, 1]);
        assert_eq!(turns.waiting(), 0);
    }

    #[test]
    fn a_tenant_with_its_share_waits_while_places_are_free_for_others() {
        let turns = Arc::new(Turns::new(4, 2));
        let (first, second) = (turns.take(tenant(1), LONG).unwrap(), turns.take(tenant(1), LONG).unwrap());
        assert!(turns.take(tenant(1), Duration::ZERO).is_none());
        let (told, served) = mpsc::channel();
        line_up(&turns, 1, 0, &told);
        let others = [2, 3].map(|number| turns.take(tenant(number), Duration::ZERO).unwrap());
        assert!(turns.take(tenant(4), Duration::ZERO).is_none(), "there are four");
        drop(others);
        assert!(served.try_recv().is_err(), "a place of others makes the share no larger");
        drop(first);
        assert_eq!(served.recv(), Ok(1));
        drop(second);
    }

    #[test]
    fn who_gives_up_leaves_nothing_behind() {
        let turns = Arc::new(Turns::new(1, 1));
        let held = turns.take(tenant(1), LONG).unwrap();
        for number in [1, 2] {
            assert!(turns.take(tenant(number), Duration::from_millis(1)).is_none());
        }
        drop(held);
        let state = turns.state.lock();
        assert!(
            state.free == 1 && state.held.is_empty() && state.waiting.is_empty() && state.round.is_empty()
        );
    }
}
