use std::{collections::BTreeMap, io::Cursor, sync::Arc};

use rally_core::{
    Clock, Code, Config, CopyMode, DeliveryOrder, Engine, Error, Kind, Query, Session, TenantDraft, TenantId,
    TenantImport, TenantParts, Timestamp, limits,
    store::{MemoryStore, Store},
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    compare::{compare, compare_all},
    events::{Receiver, compare_events, deliver, subscribe},
    operation::Operation,
    sample::Body,
    state::{News, State},
};
use crate::{
    FaultyStore, FixedClock, Random, ReadFault, WriteFault, check_consistency, environment,
    resources::{self, Asked},
};

/// Runs random operations of two tenants on an engine and on plain maps, and compares the two after each. One
/// operation in `faults` meets a fault of the store; none does for zero.
///
/// # Panics
/// Panics if the two differ.
pub fn walk(store: Arc<dyn Store>, seed: u64, steps: usize, faults: usize) {
    let mut walk = Walk::new(store, seed, faults == 0);
    walk.go(steps, faults);
    walk.end();
}

/// Runs random operations on one store, has all that is derived there made anew elsewhere, goes on with that, moves both
/// tenants to another store by files, and goes on there.
///
/// # Panics
/// Panics if engine and maps differ.
pub fn walk_and_move(from: Arc<dyn Store>, to: Arc<dyn Store>, seed: u64, steps: usize) {
    let mut walk = Walk::new(from, seed, true);
    walk.go(steps / 2, 0);
    walk.rebuild();
    walk.go(steps / 2, 0);
    walk.move_to(to);
    walk.tenants.iter().for_each(|(session, state)| compare_all(session, state));
    walk.go(steps, 0);
    walk.end();
}

/// The longest time until a delivery that has failed once is attempted again.
const FIRST_RETRY_MICROS: i64 = 6_000_000;

/// The seed of the randomness of an engine that tenants have moved to.
const MOVED: u64 = 1_000;

struct Walk {
    store: Arc<FaultyStore>,
    clock: FixedClock,
    random: Random,
    tenants: [(Session, State); 2],
    receivers: BTreeMap<TenantId, Receiver>,
}

impl Walk {
    fn new(store: Arc<dyn Store>, seed: u64, is_well: bool) -> Self {
        let store = Arc::new(FaultyStore::new(store));
        let (environment, clock) = environment(seed);
        // On a store that fails, a deletion of several steps could stop between two of them.
        let links_at_once = if is_well { 3 } else { limits::LINKS_AT_ONCE };
        let config = Config { links_at_once, ..Config::default() };
        let engine = Engine::with(store.clone(), environment, config);
        let tenants = ["acme", "other"].map(|slug| {
            engine.create_tenant(&TenantDraft::new(slug)).expect("a new store has no tenant");
            let session = open(&engine, slug);
            let mut state = first(&session, slug);
            let ordering = if slug == "acme" { DeliveryOrder::Record } else { DeliveryOrder::Strict };
            subscribe(&session, ordering);
            state.last_instant = last_noted(&session);
            (session, state)
        });
        let receivers = tenants.each_ref().map(|(session, _)| (session.tenant().id, Receiver::default()));
        Self { store, clock, random: Random::new(seed), tenants, receivers: receivers.into() }
    }

    /// Runs random operations, of which one in `faults` meets a fault of the store, and compares.
    fn go(&mut self, steps: usize, faults: usize) {
        for step in 0..steps {
            let tenant = self.random.below(2);
            let operation = self.operation(tenant);
            if self.random.once_in(faults) {
                self.arm();
            }
            self.apply(tenant, &operation, step);
            if self.random.once_in(20) {
                self.deliver();
            }
            for (other, (session, state)) in self.tenants.iter().enumerate() {
                if other == tenant || self.random.once_in(4) {
                    compare(session, state, operation.kind, &mut self.random);
                }
            }
        }
    }

    /// Delivers what is left, and compares all that there is.
    fn end(&mut self) {
        // Where one waits for another, each that fails at first holds up the rest until its retry.
        let changes = self.tenants.iter().map(|(_, state)| state.changes.len()).max();
        for _ in 0..changes.unwrap_or_default() {
            self.clock.advance(FIRST_RETRY_MICROS);
            self.deliver();
        }
        for (session, state) in &self.tenants {
            compare_all(session, state);
            compare_events(&self.receivers[&session.tenant().id], state);
            check_consistency(session);
        }
    }

    /// Moves the tenants to another store by files.
    fn move_to(&mut self, store: Arc<dyn Store>) {
        let store = Arc::new(FaultyStore::new(store));
        let (environment, clock) = environment(MOVED);
        clock.set(self.clock.now());
        let config = self.tenants[0].0.engine().config();
        let engine = Engine::with(store.clone(), environment, config);
        for (session, state) in &mut self.tenants {
            let mut file = Vec::new();
            let from = session.engine();
            from.export_tenant(state.slug, &mut file, TenantParts::ALL).expect("the store is well");
            let imported = engine.import_tenant(Cursor::new(file), &TenantImport::new().moved());
            assert!(imported.expect("a whole file").keeps_id);
            *session = open(&engine, state.slug);
        }
        (self.store, self.clock) = (store, clock);
    }

    /// Has all that is derived made anew, in a store in memory.
    fn rebuild(&mut self) {
        let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
        let (environment, clock) = environment(MOVED + 1);
        clock.set(self.clock.now());
        let from = self.tenants[0].0.engine().clone();
        let engine = Engine::with(store.clone(), environment, from.config());
        from.copy_to(&engine, CopyMode::Rebuilt, &mut |_| ()).expect("nothing is damaged");
        for (session, state) in &mut self.tenants {
            *session = open(&engine, state.slug);
        }
        (self.store, self.clock) = (store, clock);
    }

    /// Delivers what is due to the receivers.
    fn deliver(&mut self) {
        deliver(self.tenants[0].0.engine(), &mut self.receivers);
    }

    /// Makes the next operation meet a fault.
    fn arm(&mut self) {
        if self.random.once_in(3) {
            let number = self.random.below(6);
            self.store.fail_read(number, ReadFault::Unavailable);
        } else {
            self.store.fail_write(0, self.random.one_of(&WriteFault::ALL));
        }
    }

    fn operation(&mut self, tenant: usize) -> Operation {
        let [own, other] = [tenant, 1 - tenant].map(|tenant| &self.tenants[tenant].1);
        Operation::sample(own, other, &mut self.random)
    }

    /// Does an operation to both and compares what each answers.
    fn apply(&mut self, tenant: usize, operation: &Operation, step: usize) {
        self.clock.advance(self.random.one_of(&[0, 0, 1, 1_000_000, -500_000]));
        let (session, before) = &mut self.tenants[tenant];
        let now = session.engine().clock().now();
        let told = operation.on_engine(session);
        self.store.heal();
        if operation.kind == Kind::Tenant {
            *session = open(session.engine(), before.slug);
        }
        let mut after = before.clone();
        after.news = news(session, before, &operation.kinds());
        let expected = operation.on_state(&mut after, now);
        let has_happened = match told {
            Ok(answer) => {
                assert_eq!(answer, expected, "step {step}: {operation:?}");
                true
            }
            Err(error) => has_happened(session, before, &operation.kinds(), &error),
        };
        if has_happened {
            *before = after;
        }
        if operation.kind == Kind::Tenant {
            before.last_instant = before.last_instant.max(last_noted(session));
        }
        let changes = u64::try_from(before.changes.len()).expect("a small number");
        let (last, _) = session.last_change().expect("the store is well");
        assert_eq!(last, changes, "step {step}: {operation:?}");
    }
}

/// Instant at which the last administrative act was noted. The note on a change of settings is not in that change's
/// transaction.
fn last_noted(session: &Session) -> Timestamp {
    let total = session.audit().count(Query::all()).expect("the store is well");
    let last = session.audit().list(Query::all().offset(total.saturating_sub(1)));
    let entries = last.expect("the store is well").records;
    entries.last().map_or(Timestamp::MIN, |entry| entry.created_at)
}

fn open(engine: &Engine, slug: &str) -> Session {
    let tenant = engine.tenant(slug).expect("the tenant is there");
    tenant.trusted_session("model").expect("the tenant is there")
}

/// State of a new tenant.
fn first(session: &Session, slug: &'static str) -> State {
    let mut state = State::new(session.tenant().id, slug);
    let stages = [("Lead", 10, "open"), ("Qualified", 25, "open"), ("Proposal", 50, "open")];
    let more = [("Negotiation", 75, "open"), ("Closed Won", 100, "won"), ("Closed Lost", 0, "lost")];
    let stage = |(name, probability, outcome)| {
        format!("{{\"name\":\"{name}\",\"probability\":{probability},\"outcome\":\"{outcome}\"}}")
    };
    let stages = stages.into_iter().chain(more).map(stage).collect::<Vec<_>>().join(",");
    let body = Body::of([
        ("name", "\"Sales pipeline\"".to_owned()),
        ("isDefault", "true".to_owned()),
        ("stages", format!("[{stages}]")),
    ]);
    state.news = news(session, &state, &[Kind::Pipeline]);
    state.create(Kind::Pipeline, &body, session.engine().clock().now()).expect("the body is whole");
    state
}

/// The ids that the engine chose for what is new since a state, in the order of their creation.
fn news(session: &Session, before: &State, kinds: &[Kind]) -> News {
    let mut news = News::default();
    let mut records = Vec::new();
    for kind in kinds {
        for record in changed_since(session, *kind, before.last_instant) {
            let id = id_of(&record);
            let known = before.find(*kind, id);
            if known.is_none() {
                records.push(id);
            }
            let known: Vec<Uuid> =
                known.iter().flat_map(|record| &record.stages).map(|stage| stage.id).collect();
            let stages = record["stages"].as_array().into_iter().flatten().map(id_of);
            news.stages.extend(stages.filter(|stage| !known.contains(stage)));
        }
    }
    records.sort_unstable();
    news.records = records.into();
    news
}

/// Finds out whether a write without an answer has happened.
fn has_happened(session: &Session, before: &State, kinds: &[Kind], error: &Error) -> bool {
    assert_eq!(error.code(), Code::Unavailable, "{error:?}");
    if kinds == [Kind::Tenant] {
        let settings = session.settings_row().expect("the store is well again");
        return resources::text(&settings) != before.settings_text();
    }
    kinds.iter().any(|kind| {
        let query = Asked { count: true, limit: 1, ..Asked::default() };
        let total = resources::list(session, *kind, &query).expect("the store is well again").total;
        total != u64::try_from(before.all(*kind).len()).ok()
            || !changed_since(session, *kind, before.last_instant).is_empty()
    })
}

fn changed_since(session: &Session, kind: Kind, since: Timestamp) -> Vec<Value> {
    if kind == Kind::Tenant {
        return Vec::new();
    }
    let query = Asked { updated_since: Some(since), ..Asked::default() };
    let page = resources::list(session, kind, &query).expect("the store is well");
    page.rows.iter().map(|row| serde_json::from_str(row).expect("a record is JSON")).collect()
}

fn id_of(json: &Value) -> Uuid {
    json["id"].as_str().and_then(|id| Uuid::try_parse(id).ok()).expect("it has an id")
}
