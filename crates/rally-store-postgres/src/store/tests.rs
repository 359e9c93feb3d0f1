use std::{
    panic::{self, AssertUnwindSafe},
    sync::{atomic::Ordering, mpsc},
    thread,
};

use rally_core::{
    ActivityDraft, ActivityType, Atomicity, Config, ContactDraft, Deal, DealDraft, Engine, Environment,
    Query, TenantDraft,
    store::{Key, Space},
};
use rally_testkit::{
    postgres,
    properties::{GroupFault, Grouped, of_group_commit},
};
use tokio_postgres::types::ToSql;

use super::*;

mod pages;
mod share;

const TENANT: TenantId = TenantId::DIRECTORY;

fn store() -> Option<PostgresStore> {
    let url = postgres::shared()?.fresh_url();
    Some(PostgresStore::open(&url, Options::default()).unwrap())
}

fn key(name: &str) -> Key {
    Key::new(Space(7)).bytes(name.as_bytes())
}

fn put(name: &str) -> Batch {
    let mut batch = Batch::new();
    batch.put(key(name), "there");
    batch
}

fn is_there(store: &PostgresStore, name: &str) -> bool {
    store.snapshot(TENANT).unwrap().get(&key(name)).unwrap().is_some()
}

/// The store and another one beside it, steered by the properties of group commit.
struct Subject {
    url: String,
    store: PostgresStore,
    beside: PostgresStore,
    /// The name by which the database knows the connections of the store.
    name: String,
}

impl Subject {
    fn new(url: &str, group_time: Duration) -> Self {
        let options = Options { group_time, ..Options::default() };
        let name = format!("rally {}", uuid::Uuid::new_v4());
        let named = format!("{url}&application_name={name}").replace(' ', "%20");
        let open = |url: &str| PostgresStore::open(url, options).unwrap();
        Self { url: url.to_owned(), store: open(&named), beside: open(url), name }
    }

    fn ask_beside(&self, query: &str, parameters: &[&(dyn ToSql + Sync)]) -> i64 {
        let asking = Transaction::new(&self.beside.database, TENANT, Purpose::Reading);
        asking.ask(async |connection| connection.client.query_one(query, parameters).await).unwrap().get(0)
    }
}

impl Grouped for Subject {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn options(&self) -> GroupOptions {
        groups(self.store.database.options())
    }

    fn committing_after(&self, time: Duration) -> Arc<dyn Grouped> {
        Arc::new(Self::new(&self.url, time))
    }

    fn waiting(&self, tenant: TenantId) -> usize {
        self.store.queues.waiting(tenant)
    }

    /// Each commit makes a version.
    fn commits(&self) -> usize {
        let versions = self.ask_beside("SELECT COALESCE(sum(version), 0)::int8 FROM rally_heads", &[]);
        usize::try_from(versions).unwrap()
    }

    /// Ends all connections of the store, so that a commit is lost for certain.
    fn fail(&self, fault: GroupFault) -> bool {
        if fault != GroupFault::LoseCommit {
            return false;
        }
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1";
        while self.ask_beside(end, &[&self.name]) > 0 {
            thread::yield_now();
        }
        true
    }

    fn heal(&self) {}
}

#[test]
fn it_keeps_every_promise_of_group_commit() {
    let Some(database) = postgres::shared() else { return };
    for property in of_group_commit() {
        let subject: Arc<dyn Grouped> = Arc::new(Subject::new(&database.fresh_url(), Duration::MAX));
        let kept = panic::catch_unwind(AssertUnwindSafe(|| property.check(&subject)));
        assert!(kept.is_ok(), "{}", property.name());
    }
}

/// Ends the transaction, and has the database refuse every batch from then on.
const REFUSE_ALL: &str = "ROLLBACK; ALTER TABLE rally_commits ADD CONSTRAINT none CHECK (false) NOT VALID";

#[test]
fn a_batch_that_the_database_refuses_is_told_to_every_member() {
    let Some(store) = store() else { return };
    assert_eq!(store.write(TENANT, &mut |_| Ok(put("first"))).unwrap(), Commit::Applied);
    let broken = Transaction::new(&store.database, TENANT, Purpose::Writing);
    broken.ask(async |connection| connection.client.batch_execute(REFUSE_ALL).await).unwrap();
    drop(broken);
    let done = thread::scope(|scope| {
        let writers: Vec<_> = ["one", "two", "three"]
            .map(|name| {
                let store = &store;
                scope.spawn(move || store.write(TENANT, &mut |_| Ok(put(name))))
            })
            .into_iter()
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(done.iter().all(|outcome| matches!(outcome, Err(StoreError::Backend { .. }))), "{done:?}");
    assert!(!["one", "two", "three"].iter().any(|name| is_there(&store, name)));
}

#[test]
fn a_transaction_whose_statement_has_failed_answers_nothing_more() {
    let Some(store) = store() else { return };
    for purpose in [Purpose::Reading, Purpose::Writing] {
        let transaction = Transaction::new(&store.database, TENANT, purpose);
        assert_eq!(transaction.get(&key("first")).unwrap(), None);
        assert!(transaction.ask(async |at| at.client.batch_execute("no statement").await).is_err());
        for _ in 0..2 {
            let again = transaction.get(&key("second"));
            assert!(matches!(again, Err(StoreError::Unavailable { .. })), "{again:?}");
        }
        assert!(transaction.failure().is_some());
    }
}

#[test]
fn a_commit_is_durable_whatever_the_database_is_set_to() {
    let Some(database) = postgres::shared() else { return };
    let url = format!("{}&options=-c%20synchronous_commit%3Doff", database.fresh_url());
    let store = PostgresStore::open(&url, Options::default()).unwrap();
    let reading = Transaction::new(&store.database, TENANT, Purpose::Reading);
    let row = reading.ask(async |at| at.client.query_one("SHOW synchronous_commit", &[]).await).unwrap();
    assert_eq!(row.get::<_, String>(0), "on");
}

#[test]
fn one_task_may_make_any_number_of_calls() {
    let Some(store) = store() else { return };
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let calls = tokio::spawn(async move { (0..300).filter(|_| !is_there(&store, "first")).count() });
            done.send(calls.await.unwrap()).unwrap();
        });
    });
    assert_eq!(is_done.recv_timeout(Duration::from_secs(60)), Ok(300));
}

#[test]
fn a_read_is_one_round_trip_or_two_and_a_create_or_a_bulk_two() {
    let Some(url) = postgres::shared().map(|database| database.fresh_url()) else { return };
    let store = Arc::new(PostgresStore::open(&url, Options::default()).unwrap());
    let engine = Engine::with(store.clone(), Environment::system(), Config::default());
    let acme = engine.create_tenant(&TenantDraft::new("acme")).unwrap();
    let session = acme.trusted_session("test").unwrap();
    let draft = |name: &str| ContactDraft::new(name, "Lovelace", format!("{name}@x.example"));
    // The first write of a tenant makes its head.
    let ada = session.contacts().create(&draft("ada")).unwrap().id;
    let check = |expected: usize, work: &dyn Fn()| {
        let before = store.database.round_trips.load(Ordering::Relaxed);
        work();
        assert_eq!(store.database.round_trips.load(Ordering::Relaxed) - before, expected);
    };
    let many = [draft("grace"), draft("alan")];
    check(1, &|| drop(session.contacts().get(ada).unwrap()));
    check(1, &|| drop(session.contacts().list(Query::all()).unwrap()));
    check(2, &|| drop(session.contacts().create(&draft("edsger")).unwrap()));
    check(2, &|| drop(session.contacts().create_many(&many, Atomicity::AllOrNothing).unwrap()));
    // A batch is one, however large.
    let mut thousands = Batch::new();
    (0..5_000u64).for_each(|number| thousands.put(key("t").number(number), "1"));
    (0..5_000u64).for_each(|number| thousands.delete(key("d").number(number)));
    check(2, &|| assert_eq!(store.write(TENANT, &mut |_| Ok(thousands.clone())).unwrap(), Commit::Applied));
    // Names of others are read in one more, whatever their number.
    let pipeline = session.pipelines().default().unwrap();
    let deal = DealDraft::new(pipeline.id, pipeline.stages[0].id, "Loom").contact_id(ada);
    let loom = session.deals().create(&deal).unwrap().id;
    let call = ActivityDraft::new(ActivityType::Call, "Ask").deal_id(loom);
    check(2, &|| drop(session.deals().create(&deal).unwrap()));
    check(2, &|| drop(session.activities().create(&call).unwrap()));
    check(2, &|| drop(session.deals().get(loom).unwrap()));
    check(2, &|| drop(session.deals().list(Query::all()).unwrap()));
    check(3, &|| drop(session.deals().list(Query::from(Deal::CONTACT_ID.is(ada)).counted()).unwrap()));
    check(3, &|| drop(session.contacts().list(Query::all().search("AD")).unwrap()));
}

#[test]
fn a_wrong_guess_of_a_records_number_costs_one_round_trip_and_nothing_else() {
    let Some(url) = postgres::shared().map(|database| database.fresh_url()) else { return };
    let server = || Arc::new(PostgresStore::open(&url, Options::default()).unwrap());
    let (here, there) = (server(), server());
    let session = |store: &Arc<PostgresStore>| {
        let engine = Engine::with(store.clone(), Environment::system(), Config::default());
        let acme = engine.tenant("acme").or_else(|_| engine.create_tenant(&TenantDraft::new("acme")));
        acme.unwrap().trusted_session("test").unwrap()
    };
    let (one, other) = (session(&here), session(&there));
    let draft = |name: &str| ContactDraft::new("Ada", "Lovelace", format!("{name}@x.example")).tags(["a"]);
    let create = |name: &str| {
        let before = here.database.round_trips.load(Ordering::Relaxed);
        one.contacts().create(&draft(name)).unwrap();
        here.database.round_trips.load(Ordering::Relaxed) - before
    };
    assert_eq!([create("first"), create("second")], [2, 2]);
    other.contacts().create(&draft("third")).unwrap();
    assert_eq!(create("fourth"), 2, "the number is another, and its chunk the same");
    for part in 0..11 {
        let many: Vec<ContactDraft> = (0..100).map(|number| draft(&format!("{part}-{number}"))).collect();
        other.contacts().create_many(&many, Atomicity::AllOrNothing).unwrap();
    }
    assert_eq!(create("fifth"), 3, "another server has begun a chunk");
    assert_eq!(create("sixth"), 2);
    let later = session(&there);
    let before = there.database.round_trips.load(Ordering::Relaxed);
    later.contacts().create(&draft("seventh")).unwrap();
    assert_eq!(there.database.round_trips.load(Ordering::Relaxed) - before, 3, "it has seen no number yet");
    assert_eq!(one.contacts().count(rally_core::Contact::TAG.is("a")).unwrap(), 1_107);
    assert_eq!(one.contacts().count(Query::all()).unwrap(), 1_107);
}
