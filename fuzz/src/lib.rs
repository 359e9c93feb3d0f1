//! The fuzz targets.
//!
//! Under cargo-fuzz they run as fuzzers (`cargo fuzz run bodies` from this folder, with `RUSTC_BOOTSTRAP=1` on a
//! stable toolchain); without it each is a program that replays the files it is given, and the tests replay `seeds`.

use std::{fs, io, path::Path, sync::Arc};

use rally_core::{
    ActivityDraft, ActivityType, Atomicity, BantUpdate, Code, Collection, CompanyDraft, Config, ContactDraft,
    ContactUpdate, CriterionUpdate, Deal, DealDraft, DealStatus, Engine, Error, FeedPosition, FeedQuery,
    Filter, Id, Kind, Profile, Query, Scope, Session, TenantDraft, Timestamp, UserDraft, WriteOptions,
    Written,
    schema::{Bulkable, Creatable, Fields, Resource, Row, Search, Upsertable},
    store::{Batch, Commit, Direction, Key, KeyRange, MemoryStore, Space, Store},
};
use rally_testkit::SharedStore;
use serde_json::Value;

/// Takes any bytes as the body of each resource. They make a record, which is read back as JSON and stays the same
/// when they are sent again, or they are refused with a reason that the caller can act on.
pub fn bodies(data: &[u8]) {
    let options = WriteOptions::default();
    for profile in [Profile::Documented, Profile::Strict] {
        let (_, session) = world(Config { profile, ..Config::default() });
        let deal = sell(&session);
        for kind in Kind::ALL {
            match kind {
                Kind::Contact => of_upsertable(session.contacts(), data),
                Kind::Company => of_upsertable(session.companies(), data),
                Kind::Deal => of_upsertable(session.deals(), data),
                Kind::Activity => of_bulkable(session.activities(), data),
                Kind::User => created(session.users(), data, Again::Whatever),
                Kind::Pipeline => created(session.pipelines(), data, Again::Whatever),
                Kind::ApiKey => {
                    let minted = session.api_keys().json().mint(data, &options);
                    assert!(minted.is_ok() || minted.is_err_and(|error| error.is_invalid()));
                }
                // Settings are the part of a tenant that callers write.
                Kind::Tenant => refused_or(session.change_settings_json(data, &options), Code::Validation),
                Kind::Webhook => created(session.webhooks(), data, Again::Whatever),
                // Nobody writes the audit trail.
                Kind::AuditEntry => {}
            }
        }
        refused_or(session.bant().json().update(deal.into(), data, &options), Code::Validation);
        refused_or(session.deals().json().move_to(deal, data, &options), Code::Validation);
    }
}

/// The effect of sending a body to the record that it has made.
#[derive(PartialEq)]
enum Again {
    Unchanged,
    /// New stages get new ids, and a password a new hash.
    Whatever,
}

fn of_upsertable<R: Upsertable + Bulkable>(records: Collection<'_, R>, data: &[u8]) {
    of_bulkable(records, data);
    match records.json().upsert(data, &WriteOptions::default()) {
        Ok(_) => {}
        Err(error) => {
            let is_known = matches!(error.code(), Code::Ambiguous | Code::Duplicate);
            assert!(error.is_invalid() || is_known, "{error:?}");
        }
    }
}

fn of_bulkable<R: Bulkable>(records: Collection<'_, R>, data: &[u8]) {
    created(records, data, Again::Unchanged);
    let many = records.json().create_many(data, Atomicity::EachByItself, &WriteOptions::default());
    assert!(many.is_ok() || many.is_err_and(|error| error.is_invalid()));
}

fn created<R: Creatable>(records: Collection<'_, R>, data: &[u8], again: Again) {
    let options = WriteOptions::default();
    match records.json().create(data, &options) {
        Ok(written) => {
            let row = written.record;
            let mut json = Vec::new();
            row.write_json(R::model().whole(), &mut json).expect("a record can be read");
            let value: Value = serde_json::from_slice(&json).expect("a record is JSON");
            let shown = R::model().members().iter().filter(|member| member.access.is_read()).count();
            assert_eq!(value.as_object().expect("an object").len(), shown);
            row.read().expect("a record is of its type");
            if again == Again::Unchanged {
                let same = records.json().update(row.id(), data, &options);
                assert!(same.expect("what was taken is taken again").record == row);
            }
        }
        Err(error) => assert!(error.is_invalid() || error.is_duplicate(), "{error:?}"),
    }
}

fn refused_or<R>(written: Result<Written<Row<R>>, Error>, code: Code) {
    if let Err(error) = written {
        assert!(error.is_invalid() || error.code() == code, "{error:?}");
    }
}

/// Adds a record of each kind, all referring to one another, and answers the deal.
fn sell(session: &Session) -> Id<Deal> {
    let pipeline = session.pipelines().default().expect("a tenant has one");
    let looms = CompanyDraft::new("Looms").domain("looms.example").tags(["a"]);
    let company = session.companies().create(&looms).expect("a good draft").id;
    let olga = UserDraft::new("olga@x.example", "Olga").scopes(Scope::Admin);
    let owner = session.users().create(&olga).expect("a good draft").id;
    let draft =
        DealDraft::new(pipeline.id, pipeline.stages[0].id, "Loom").company_id(company).owner_id(owner);
    let deal = session.deals().create(&draft.value(rally_core::Decimal::from(2))).expect("a good draft").id;
    let call = ActivityDraft::new(ActivityType::Call, "Ask").deal_id(deal).company_id(company);
    session.activities().create(&call).expect("a good draft");
    deal
}

/// Takes any text as the filters, the search and the members that a list is asked for, one `name=value` a line: they
/// are read, or refused with their faults.
pub fn queries(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let pairs: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let (_, session) = world(Config::default());
    sell(&session);
    for kind in Kind::ALL {
        match kind {
            Kind::Contact => listed(session.contacts(), &pairs),
            Kind::Company => listed(session.companies(), &pairs),
            Kind::Deal => listed(session.deals(), &pairs),
            Kind::Activity => listed(session.activities(), &pairs),
            Kind::User => listed(session.users(), &pairs),
            Kind::ApiKey => listed(session.api_keys(), &pairs),
            Kind::Pipeline => listed(session.pipelines(), &pairs),
            Kind::AuditEntry => listed(session.audit(), &pairs),
            Kind::Webhook => listed(session.webhooks(), &pairs),
            // Nobody lists the directory.
            Kind::Tenant => {}
        }
    }
}

fn listed<R: Resource>(records: Collection<'_, R>, pairs: &[(&str, &str)]) {
    let model = R::model();
    let mut query = Query::all();
    for (name, text) in pairs {
        match *name {
            "q" => query.search = Search::parse(text).unwrap_or_else(|_| query.search.take()),
            "updatedSince" => query.updated_since = text.parse().ok(),
            "fields" => drop(Fields::parse(model, text, Profile::Strict)),
            name => match Filter::parse(model, name, text) {
                Ok(filter) => query = query.filter(filter),
                Err(faults) => assert!(!faults.is_empty()),
            },
        }
    }
    records.json().list(&query.into()).expect("a list that was read is answered");
}

/// Takes any bytes in place of a stored value: they are read, or found damaged, without a panic.
pub fn stored_bytes(data: &[u8]) {
    let Some((which, value)) = data.split_first() else { return };
    let (store, session) = world(Config::default());
    let contacts = session.contacts();
    let ada = ContactDraft::new("A", "B", "a@x.example");
    let id = contacts.create(&ada).expect("a good draft").id;
    let deal = sell(&session);
    session.engine().take_request(&session).expect("memory is there");
    let rows = everything(&*store, &session);
    let key = &rows[usize::from(*which) % rows.len()];
    let mut batch = Batch::new();
    batch.put(key.clone(), value.to_vec());
    let commit = store.write(session.tenant().id, &mut |_| Ok(batch.clone()));
    assert_eq!(commit.expect("a small batch"), Commit::Applied);
    let _ = contacts.get(id);
    let _ = contacts.list(Query::all().offset(1).counted());
    let _ = session.view().map(|view| view.contacts().all(Query::all()).map(|all| all.for_each(drop)));
    let _ = contacts.update(id, &ContactUpdate::new().phone("1"));
    let _ = contacts.upsert(&ada);
    let _ = session.changes(&FeedQuery {
        from: FeedPosition::START,
        kinds: Kind::ALL.to_vec(),
        limit: 10,
        epoch: None,
    });
    let _ = contacts.delete(id);
    sold(&session, deal);
    let _ = elsewhere(store).take_request(&session);
}

/// Reads a deal and the records that it refers to in all ways that follow an index.
fn sold(session: &Session, deal: Id<Deal>) {
    let open = Query::from(Deal::STATUS.is(DealStatus::Open));
    let _ = session.deals().get(deal);
    let _ = session.deals().list(open.updated_since(Timestamp::MIN));
    let _ = session.bant().get(deal.into());
    let _ = session.bant().update(deal.into(), &BantUpdate::new().need(CriterionUpdate::new().rating(1)));
    for pipeline in session.pipelines().list(Query::all()).into_iter().flat_map(|page| page.records) {
        let _ = session.pipelines().forecast(pipeline.id);
    }
    for company in
        session.companies().list(Query::all().search("loom")).into_iter().flat_map(|page| page.records)
    {
        let _ = session.companies().delete(company.id);
    }
    let _ = session.deals().delete(deal);
}

/// Another server on the same store, which has not leased a request yet.
fn elsewhere(store: Arc<SharedStore>) -> Engine {
    let (environment, _) = rally_testkit::environment(2);
    Engine::with(store, environment, Config::default())
}

fn world(config: Config) -> (Arc<SharedStore>, Session) {
    let store = Arc::new(SharedStore::new(Arc::new(MemoryStore::new())));
    let (environment, _) = rally_testkit::environment(1);
    let engine = Engine::with(store.clone(), environment, config);
    let acme = engine.create_tenant(&TenantDraft::new("acme")).expect("a new store has no tenant");
    (store, acme.trusted_session("fuzz").expect("the tenant is there"))
}

fn everything(store: &dyn Store, session: &Session) -> Vec<Key> {
    let snapshot = store.snapshot(session.tenant().id).expect("memory is there");
    let space = |space| KeyRange::prefix(&Key::new(Space(space)));
    let scan = |range| snapshot.scan(&range, Direction::Forward, usize::MAX).expect("memory is there");
    (0..=u8::MAX).flat_map(|number| scan(space(number))).map(|entry| entry.key).collect()
}

/// Runs a target on each file that the arguments name.
///
/// # Errors
/// Fails if a file cannot be read.
pub fn replay(target: fn(&[u8])) -> io::Result<()> {
    std::env::args_os().skip(1).try_for_each(|path| fs::read(path).map(|data| target(&data)))
}

/// Runs a target on each file of a folder and answers how many there were.
///
/// # Errors
/// Fails if the folder or a file of it cannot be read.
pub fn replay_folder(target: fn(&[u8]), folder: &Path) -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        target(&fs::read(entry?.path())?);
        count += 1;
    }
    Ok(count)
}
