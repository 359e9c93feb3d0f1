use std::sync::Arc;

use rally_core::{
    Bulk, Code, Config, Contact, Engine, Error, FeedFrom, FeedQuery, Id, Json, Kind, Outcome, Session,
    TenantDraft, Timestamp, WriteOptions, Written, store::Store,
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    compare::compare,
    members::{NAMES, REQUIRED, sample},
    state::{Answer, Body, State, to_json},
};
use crate::{FaultyStore, FixedClock, Random, ReadFault, WriteFault, environment};

/// Runs random operations of two tenants on an engine and on plain maps, and compares the two after each. One
/// operation in `faults` meets a fault of the store; none does for zero.
///
/// # Panics
/// When the two differ.
pub fn walk(store: Arc<dyn Store>, seed: u64, steps: usize, faults: usize) {
    let mut walk = Walk::new(store, seed);
    for step in 0..steps {
        let tenant = walk.random.below(walk.tenants.len());
        if walk.random.once_in(faults) {
            walk.arm();
        }
        let operation = walk.operation(tenant);
        walk.apply(tenant, &operation, step);
        for (session, state) in &walk.tenants {
            compare(session, state, &mut walk.random);
        }
    }
}

struct Walk {
    store: Arc<FaultyStore>,
    clock: FixedClock,
    random: Random,
    tenants: Vec<(Session, State)>,
}

/// What a caller asks for; a record by its place in the list.
enum Operation {
    Create(Body),
    Update(usize, Body),
    Upsert(Body),
    Delete(usize),
    Bulk(Vec<Body>, bool),
}

/// What the engine answered: the answer, and the ids of new records.
type Told = Result<(Answer, Vec<Uuid>), Error>;

impl Walk {
    fn new(store: Arc<dyn Store>, seed: u64) -> Self {
        let store = Arc::new(FaultyStore::new(store));
        let (environment, clock) = environment(seed);
        let engine = Engine::with(store.clone(), environment, Config::default());
        let session = |slug: &str| {
            let draft = TenantDraft { slug: slug.to_owned(), ..TenantDraft::default() };
            engine.create_tenant(&draft).expect("a new store has no tenant");
            engine.trusted_session(slug, "model").expect("the tenant is there")
        };
        let tenants = ["acme", "other"].map(|slug| (session(slug), State::default())).into();
        Self { store, clock, random: Random::new(seed), tenants }
    }

    /// Lets the next operation meet a fault.
    fn arm(&mut self) {
        if self.random.once_in(3) {
            let number = self.random.below(6);
            self.store.fail_read(number, ReadFault::Unavailable);
        } else {
            self.store.fail_write(0, self.random.one_of(&WriteFault::ALL));
        }
    }

    fn operation(&mut self, tenant: usize) -> Operation {
        let count = self.tenants[tenant].1.contacts.len();
        // One place behind the last is a record that is not there.
        let place = self.random.below(count + 1);
        match self.random.below(10) {
            0..3 => Operation::Create(self.whole_body()),
            3..6 => Operation::Update(place, self.some_members()),
            6 => Operation::Upsert(self.whole_body()),
            7 => Operation::Upsert(self.some_members()),
            8 => Operation::Delete(place),
            _ => {
                let count = 1 + self.random.below(20);
                let bodies = (0..count).map(|_| self.whole_body()).collect();
                Operation::Bulk(bodies, self.random.once_in(2))
            }
        }
    }

    fn whole_body(&mut self) -> Body {
        let random = &mut self.random;
        let mut names: Vec<&'static str> = REQUIRED.to_vec();
        names.extend(NAMES.iter().filter(|name| !REQUIRED.contains(name) && random.once_in(2)));
        names.into_iter().map(|name| (name, sample(name, random))).collect()
    }

    fn some_members(&mut self) -> Body {
        let random = &mut self.random;
        let names: Vec<&'static str> = NAMES.into_iter().filter(|_| random.once_in(3)).collect();
        names.into_iter().map(|name| (name, sample(name, random))).collect()
    }

    /// Does an operation to both and compares what each answers.
    fn apply(&mut self, tenant: usize, operation: &Operation, step: usize) {
        self.clock.advance(self.random.one_of(&[0, 0, 1, 1_000_000, -500_000]));
        let (session, before) = &self.tenants[tenant];
        let now = session.engine().clock().now();
        let mut after = before.clone();
        let expected = operation.on_state(&mut after, now);
        let told = operation.on_engine(session, before);
        self.store.heal();
        let happened = match told {
            Ok((answer, ids)) => {
                assert_eq!(answer, expected, "step {step}");
                after.name_new_ones(&ids);
                true
            }
            Err(error) => self.resolve(tenant, &error, &mut after, step),
        };
        if happened {
            self.tenants[tenant].1 = after;
        }
    }

    /// Finds out whether a write without an answer has happened.
    fn resolve(&self, tenant: usize, error: &Error, after: &mut State, step: usize) -> bool {
        assert_eq!(error.code(), Code::Unavailable, "step {step}: {error:?}");
        let (session, before) = &self.tenants[tenant];
        let (last, _) = session.last_change().expect("the store is well again");
        let known = u64::try_from(before.changes.len()).expect("a small number");
        if last == known {
            return false;
        }
        assert_eq!(
            last,
            u64::try_from(after.changes.len()).expect("a small number"),
            "step {step}: half a write"
        );
        let query = FeedQuery { from: FeedFrom::After(known), kinds: vec![Kind::Contact], limit: 1_000 };
        let changes = session.changes(&query).expect("the store is well again");
        after.name_new_ones(&changes.iter().map(|change| change.entity_id).collect::<Vec<_>>());
        true
    }
}

impl Operation {
    fn on_state(&self, state: &mut State, now: Timestamp) -> Answer {
        match self {
            Operation::Create(body) => state.create(body, now),
            Operation::Update(place, body) => state.update(*place, body, now),
            Operation::Upsert(body) => state.upsert(body, now),
            Operation::Delete(place) => state.delete(*place, now),
            Operation::Bulk(bodies, atomic) => state.bulk(bodies, *atomic, now),
        }
    }

    fn on_engine(&self, session: &Session, state: &State) -> Told {
        let contacts = session.contacts();
        let id = |place: &usize| {
            Id::from_uuid(state.contacts.get(*place).and_then(|contact| contact.id).unwrap_or_default())
        };
        let options = WriteOptions::default();
        match self {
            Operation::Create(body) => written(contacts.create(&Json(&bytes(&to_json(body))))),
            Operation::Update(place, body) => {
                written(contacts.update(id(place), &Json(&bytes(&to_json(body)))))
            }
            Operation::Upsert(body) => written(contacts.upsert_with(&Json(&bytes(&to_json(body))), &options)),
            Operation::Delete(place) => {
                refused(contacts.delete(id(place)).map(|_| (Answer::Deleted, Vec::new())))
            }
            Operation::Bulk(bodies, atomic) => {
                let items = Value::from(bodies.iter().map(to_json).collect::<Vec<_>>());
                refused(contacts.create_many(&Json(&bytes(&items)), *atomic, &options).map(bulk))
            }
        }
    }
}

fn bytes(json: &Value) -> Vec<u8> {
    json.to_string().into_bytes()
}

fn written(result: Result<Written<Contact>, Error>) -> Told {
    refused(result.map(|written| match written.outcome {
        Outcome::Created => (Answer::Created, vec![written.row.id().as_uuid()]),
        Outcome::Updated => (Answer::Updated, Vec::new()),
        Outcome::Unchanged => (Answer::Unchanged, Vec::new()),
    }))
}

fn bulk(bulk: Bulk<Contact>) -> (Answer, Vec<Uuid>) {
    let ids = bulk.items.iter().flatten().map(|id| id.as_uuid()).collect();
    let items = bulk
        .items
        .iter()
        .map(|item| item.as_ref().map(|_| ()).map_err(|error| error.code().name()))
        .collect();
    (Answer::Bulk(items), ids)
}

/// A refusal is an answer; that the store cannot answer is none.
fn refused(result: Result<(Answer, Vec<Uuid>), Error>) -> Told {
    match result {
        Err(error) if error.code() != Code::Unavailable => {
            Ok((Answer::Refused(error.code().name()), Vec::new()))
        }
        other => other,
    }
}
