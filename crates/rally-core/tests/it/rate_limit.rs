//! One server's limit first, then that of several over one store.

use std::{sync::Arc, thread};

use rally_core::{
    ApiKeyDraft, Config, Engine, Environment, Error, Session, TenantDraft, TenantUpdate,
    schema::Allowance,
    store::{MemoryStore, Store},
};
use rally_testkit::{CountingStore, Counts, FaultyStore, FixedClock, SeededEntropy, SharedStore, WriteFault};

use crate::support::{World, tenant};

const LIMIT: u32 = 1_000;
const PORTION: u32 = 50;
const MINUTE: i64 = 60_000_000;

#[test]
fn a_tenant_has_so_many_requests_in_each_minute_of_the_clock() {
    let world =
        World::with(Arc::new(MemoryStore::new()), Config { requests_per_minute: 2, ..Config::default() });
    let take = || world.engine.take_request(&world.acme).unwrap().unwrap();
    assert_eq!((take().remaining, take().remaining), (1, 0));
    let refused = take();
    assert_eq!((refused.granted, refused.limit, refused.remaining, refused.retry_after), (false, 2, 0, 60));
    let other = tenant(&world.engine, "other");
    assert!(world.engine.take_request(&other).unwrap().unwrap().granted);
    world.clock.advance(60_000_000);
    assert_eq!(take().remaining, 1);
}

#[test]
fn a_tenant_may_have_its_own_limit_or_none() {
    let world = World::new();
    for (slug, limit) in [("three", 3u32), ("free", 0)] {
        world.engine.create_tenant(&TenantDraft::new(slug).rate_limit_per_minute(limit)).unwrap();
    }
    let session = |slug| world.engine.tenant(slug).unwrap().trusted_session("host").unwrap();
    let allowance = |slug| world.engine.take_request(&session(slug)).unwrap();
    assert_eq!(allowance("three").map(|allowance| allowance.limit), Some(3));
    assert_eq!(allowance("free"), None);
}

/// Servers over one store, each with its own clock, and a key of the tenant that they serve.
struct Fleet {
    store: Arc<dyn Store>,
    servers: Vec<Server>,
    key: String,
}

struct Server {
    engine: Engine,
    clock: FixedClock,
    key: String,
}

impl Fleet {
    fn new(servers: usize) -> Self {
        Self::on(Arc::new(MemoryStore::new()), servers)
    }

    fn on(store: Arc<dyn Store>, servers: usize) -> Self {
        let store: Arc<dyn Store> = Arc::new(SharedStore::new(store));
        let world = World::on(store.clone());
        let key = world.acme.api_keys().mint(&ApiKeyDraft::new("robot")).unwrap().key;
        let servers = (0..servers).map(|_| Server::new(store.clone(), &key)).collect();
        Self { store, servers, key }
    }

    fn advance(&self, micros: i64) {
        self.servers.iter().for_each(|server| server.clock.advance(micros));
    }

    /// The number of requests that are granted when each server in turn is asked until all refuse.
    fn drain(&self) -> u32 {
        let mut granted = 0;
        loop {
            let round = self.servers.iter().filter(|server| server.ask().granted).count();
            if round == 0 {
                return granted;
            }
            granted += u32::try_from(round).unwrap();
        }
    }

    fn set_limit(&self, limit: u32) {
        let acme = self.servers[0].engine.tenant("acme").unwrap();
        acme.update("host", &TenantUpdate::new().rate_limit_per_minute(limit)).unwrap();
        self.advance(1_000_000);
    }
}

impl Server {
    fn new(store: Arc<dyn Store>, key: &str) -> Self {
        let clock = FixedClock::default();
        let environment =
            Environment { clock: Arc::new(clock.clone()), entropy: Arc::new(SeededEntropy::new(1)) };
        Self { engine: Engine::with(store, environment, Config::default()), clock, key: key.to_owned() }
    }

    fn session(&self) -> Session {
        self.engine.authenticate(&self.key).unwrap()
    }

    fn try_ask(&self) -> Result<Allowance, Error> {
        self.engine.take_request(&self.session()).map(Option::unwrap)
    }

    fn ask(&self) -> Allowance {
        self.try_ask().unwrap()
    }

    fn ask_times(&self, times: u32) -> u32 {
        u32::try_from((0..times).filter(|_| self.ask().granted).count()).unwrap()
    }
}

#[test]
fn a_lone_server_on_a_shared_store_serves_the_whole_limit_with_exact_figures() {
    let fleet = Fleet::new(1);
    for left in (0..LIMIT).rev() {
        let allowance = fleet.servers[0].ask();
        assert_eq!((allowance.granted, allowance.limit, allowance.remaining), (true, LIMIT, left));
    }
    let refused = fleet.servers[0].ask();
    assert_eq!((refused.granted, refused.remaining, refused.retry_after), (false, 0, 60));
    fleet.advance(MINUTE);
    assert_eq!(fleet.drain(), LIMIT);
}

#[test]
fn servers_in_turns_serve_the_limit_together_and_no_more() {
    let fleet = Fleet::new(3);
    for _ in 0..3 {
        assert_eq!(fleet.drain(), LIMIT);
        fleet.advance(MINUTE);
    }
}

#[test]
fn servers_at_once_serve_the_limit_together_and_no_more() {
    let fleet = Fleet::new(3);
    for _ in 0..3 {
        let granted: u32 = thread::scope(|scope| {
            let ask = |server| scope.spawn(move || Server::ask_times(server, 200));
            let asking: Vec<_> = fleet.servers.iter().cycle().take(9).map(ask).collect();
            asking.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert!(granted <= LIMIT && granted + 2 * PORTION >= LIMIT, "{granted}");
        assert_eq!(granted + fleet.drain(), LIMIT);
        fleet.advance(MINUTE);
    }
}

#[test]
fn requests_that_find_nothing_share_a_lease() {
    let counting = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let fleet = Fleet::on(counting.clone(), 1);
    let server = &fleet.servers[0];
    let session = server.session();
    counting.reset();
    thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| assert!(server.engine.take_request(&session).unwrap().unwrap().granted));
        }
    });
    assert_eq!(counting.counts().writes, 2);
}

#[test]
fn the_limit_costs_less_than_one_round_trip_in_twenty_requests() {
    let counting = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let fleet = Fleet::on(counting.clone(), 3);
    let sessions: Vec<Session> = fleet.servers.iter().map(Server::session).collect();
    counting.reset();
    let mut granted = 0;
    for session in sessions.iter().cycle().take(5 * 1_000) {
        granted += u32::from(session.engine().take_request(session).unwrap().unwrap().granted);
    }
    let counts = counting.counts();
    assert_eq!((granted, counts.snapshots), (LIMIT, 0));
    // Each server finds out once that nothing is left. A write is two round trips: to read, and to commit.
    assert_eq!(counts.changes, usize::try_from(LIMIT / PORTION).unwrap());
    assert!(counts.writes <= counts.changes + 3 && counts.gets == counts.writes, "{counts:?}");
    assert!(counts.writes * 2 * 20 <= 1_000, "{counts:?}");
}

#[test]
fn a_caller_is_known_and_the_limit_seen_in_one_snapshot() {
    let counting = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let fleet = Fleet::on(counting.clone(), 1);
    fleet.servers[0].ask();
    counting.reset();
    fleet.servers[0].session();
    let counts = Counts { snapshots: 1, prefetches: 1, gets: 2, round_trips: 1, ..Counts::default() };
    assert_eq!(counting.counts(), counts);
    let counting = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let alone = World::on(counting.clone());
    let key = alone.acme.api_keys().mint(&ApiKeyDraft::new("robot")).unwrap().key;
    counting.reset();
    let session = alone.engine.authenticate(&key).unwrap();
    alone.engine.take_request(&session).unwrap();
    assert_eq!(counting.counts(), Counts { snapshots: 1, gets: 1, round_trips: 1, ..Counts::default() });
}

#[test]
fn figures_are_short_by_what_other_servers_hold_and_no_more() {
    let fleet = Fleet::new(3);
    let mut used = 0;
    for number in 0..900 {
        // Uneven turns, so that each holds another part of its portion.
        let allowance = fleet.servers[[0, 1, 0, 2, 0, 1][number % 6]].ask();
        used += u32::from(allowance.granted);
        let left = LIMIT - used;
        assert!(
            allowance.remaining <= left && allowance.remaining + 2 * PORTION >= left,
            "{allowance:?} {left}"
        );
    }
    assert_eq!(used, 900);
}

#[test]
fn a_refusal_spends_nothing_and_asks_the_store_nothing_once_all_is_leased() {
    let counting = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let fleet = Fleet::on(counting.clone(), 2);
    assert_eq!(fleet.servers[0].ask_times(2 * LIMIT), LIMIT);
    counting.reset();
    assert_eq!(fleet.servers[0].ask_times(10) + fleet.servers[1].ask_times(10), 0);
    assert_eq!(counting.counts().writes, 0, "authentication has told the other server too");
    fleet.set_limit(LIMIT + 10);
    assert_eq!(fleet.drain(), 10);
}

#[test]
fn a_limit_that_is_raised_is_served_in_the_same_minute_and_one_that_is_lowered_holds() {
    let fleet = Fleet::new(2);
    assert_eq!(fleet.drain(), LIMIT);
    fleet.set_limit(1_500);
    assert_eq!(fleet.drain(), 500);
    fleet.set_limit(100);
    assert_eq!(fleet.drain(), 0);
    fleet.advance(MINUTE);
    assert_eq!(fleet.servers[0].ask_times(3), 3);
    assert_eq!(fleet.drain(), 97);
    fleet.set_limit(LIMIT);
    assert_eq!(fleet.servers[1].ask_times(60), 60);
    fleet.set_limit(120);
    assert_eq!(fleet.drain(), 0, "what is still held of the larger limit goes unused");
}

#[test]
fn a_clock_that_steps_back_or_lags_opens_no_second_window() {
    let fleet = Fleet::new(3);
    fleet.servers[1].clock.advance(-MINUTE);
    fleet.servers[2].clock.advance(-2 * MINUTE);
    assert_eq!(fleet.drain(), LIMIT);
    fleet.servers[0].clock.advance(-MINUTE);
    assert_eq!(fleet.drain(), 0);
    let refused = fleet.servers[2].ask();
    assert_eq!(refused.retry_after, 180, "until the minute after that of the furthest clock");
    let newcomer = Server::new(fleet.store.clone(), &fleet.key);
    newcomer.clock.advance(-1);
    assert!(!newcomer.ask().granted);
    newcomer.clock.advance(1 + MINUTE);
    assert_eq!(newcomer.ask_times(2 * LIMIT), LIMIT);
    fleet.advance(MINUTE);
    assert_eq!(fleet.drain(), 0, "the minute that one server began is that of all");
}

#[test]
fn a_store_that_does_not_answer_makes_a_request_unavailable_and_costs_a_portion_at_most() {
    for (fault, lost) in [
        (WriteFault::Unavailable, 0),
        (WriteFault::Conflict, 0),
        (WriteFault::BuiltTwice, 0),
        (WriteFault::CommitLost, 0),
        (WriteFault::AnswerLost, PORTION),
    ] {
        let faulty = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
        let fleet = Fleet::on(faulty.clone(), 2);
        assert_eq!(fleet.servers[0].ask_times(PORTION), PORTION);
        faulty.fail_write(0, fault);
        let asked = fleet.servers[0].try_ask();
        let is_hidden = fault == WriteFault::BuiltTwice;
        assert_eq!(asked.is_ok(), is_hidden, "{fault:?}");
        assert!(asked.as_ref().err().is_none_or(Error::is_unavailable), "{asked:?}");
        assert_eq!(fleet.drain() + u32::from(is_hidden), LIMIT - PORTION - lost, "{fault:?}");
    }
}

#[test]
fn tenants_on_a_shared_store_have_limits_of_their_own_or_none() {
    let store: Arc<dyn Store> = Arc::new(SharedStore::new(Arc::new(MemoryStore::new())));
    let world = World::with(store, Config { requests_per_minute: 2, ..Config::default() });
    let (acme, other) = (&world.acme, tenant(&world.engine, "other"));
    let is_granted = |session| world.engine.take_request(session).unwrap().unwrap().granted;
    assert_eq!([acme, acme, acme, &other].map(is_granted), [true, true, false, true]);
    let handle = world.engine.tenant("acme").unwrap();
    handle.update("host", &TenantUpdate::new().rate_limit_per_minute(0u32)).unwrap();
    let free = handle.trusted_session("host").unwrap();
    assert_eq!(world.engine.take_request(&free).unwrap(), None);
}
