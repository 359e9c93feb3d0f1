//! What the fuzz targets do with their input.
//!
//! Under cargo-fuzz they run as fuzzers (`cargo fuzz run bodies` from this folder, with `RUSTC_BOOTSTRAP=1` on a
//! stable toolchain); without it each is a program that replays the files it is given, and the tests replay `seeds`.

use std::{fs, io, path::Path, sync::Arc};

use rally_core::{
    Bulkable, Code, Collection, Config, Creatable, Deal, Engine, Error, FeedFrom, FeedQuery, Fields, Id,
    Json, Kind, ListQuery, Profile, Resource, Session, TenantDraft, Timestamp, WriteOptions, Written,
    store::{Batch, Commit, Direction, Key, KeyRange, MemoryStore, Space, Store},
};
use rally_testkit::SharedStore;
use serde_json::{Value, json};

/// Any bytes as the body of each resource: they make a record that is read back as JSON and stays when they are sent
/// again, or are refused with a reason that is the caller's to mend.
pub fn bodies(data: &[u8]) {
    for profile in [Profile::Documented, Profile::Strict] {
        let (_, session) = world(Config { profile, ..Config::default() });
        let deal = sell(&session);
        created(session.contacts(), data, Again::Unchanged);
        created(session.companies(), data, Again::Unchanged);
        created(session.deals(), data, Again::Unchanged);
        created(session.activities(), data, Again::Unchanged);
        created(session.pipelines(), data, Again::Whatever);
        created(session.users(), data, Again::Whatever);
        bulk(session.contacts(), data);
        bulk(session.deals(), data);
        refused_or(session.bant().update(deal.into(), &Json(data)), Code::Validation);
        refused_or(session.change_settings(&Json(data), &WriteOptions::default()), Code::Validation);
        refused_or(session.deals().move_with(deal, &Json(data), &WriteOptions::default()), Code::Validation);
        refused_or(session.deals().upsert_with(&Json(data), &WriteOptions::default()), Code::Ambiguous);
        refused_or(session.companies().upsert_with(&Json(data), &WriteOptions::default()), Code::Duplicate);
    }
}

/// What comes of sending a body to the record that it has made.
#[derive(PartialEq)]
enum Again {
    Unchanged,
    /// New stages get new ids, and a password a new hash.
    Whatever,
}

fn created<R: Creatable>(records: Collection<'_, R>, data: &[u8], again: Again) {
    match records.create(&Json(data)) {
        Ok(written) => {
            let mut json = Vec::new();
            written.row.write_json(R::model().whole(), &mut json).expect("a record can be read");
            let value: Value = serde_json::from_slice(&json).expect("a record is JSON");
            let shown = R::model().members().iter().filter(|member| member.access.is_read()).count();
            assert_eq!(value.as_object().expect("an object").len(), shown);
            written.read().expect("a record is of its type");
            if again == Again::Unchanged {
                let same =
                    records.update(written.row.id(), &Json(data)).expect("what was taken is taken again");
                assert!(same.row == written.row);
            }
        }
        Err(error) => assert!(error.is_invalid() || error.is_duplicate(), "{error:?}"),
    }
}

fn bulk<R: Bulkable>(records: Collection<'_, R>, data: &[u8]) {
    let many = records.create_many(&Json(data), false, &WriteOptions::default());
    assert!(many.is_ok() || many.is_err_and(|error| error.is_invalid()));
}

fn refused_or<R>(written: Result<Written<R>, Error>, code: Code) {
    if let Err(error) = written {
        assert!(error.is_invalid() || error.code() == code, "{error:?}");
    }
}

/// Adds a record of each kind, each of which names others, and answers the deal.
fn sell(session: &Session) -> Id<Deal> {
    let json = |value: Value| value.to_string().into_bytes();
    let stages = session.pipelines().list(&ListQuery::default()).expect("a tenant has one").rows;
    let pipeline = stages[0].read().expect("it can be read");
    let company = Json(br#"{"name":"Looms","domain":"looms.example","tags":["a"]}"#);
    let company = session.companies().create(&company).expect("a good body").row.id();
    let owner = Json(br#"{"name":"Olga","email":"olga@x.example","scopes":"admin"}"#);
    let owner = session.users().create(&owner).expect("a good body").row.id();
    let deal = json(json!({
        "pipelineId": pipeline.id, "stageId": pipeline.stages[0].id, "name": "Loom", "value": 1.50,
        "companyId": company, "ownerId": owner,
    }));
    let deal = session.deals().create(&Json(&deal)).expect("a good body").row.id();
    let call = json(json!({"activityType": "call", "subject": "Ask", "dealId": deal, "companyId": company}));
    session.activities().create(&Json(&call)).expect("a good body");
    deal
}

/// Any text as the parameters of a list or of the feed, one `name=value` a line: they are read, or refused with what is
/// wrong.
pub fn queries(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let pairs: Vec<(String, String)> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let (_, session) = world(Config::default());
    sell(&session);
    for profile in [Profile::Documented, Profile::Strict] {
        listed(session.contacts(), &pairs, profile);
        listed(session.companies(), &pairs, profile);
        listed(session.deals(), &pairs, profile);
        listed(session.activities(), &pairs, profile);
        listed(session.users(), &pairs, profile);
        listed(session.pipelines(), &pairs, profile);
        match FeedQuery::parse(&pairs, profile) {
            Ok((query, _)) => drop(session.changes(&query).expect("a feed that was read is answered")),
            Err(error) => assert_eq!(error.code(), Code::Validation),
        }
        let _ = Fields::parse(Deal::model(), &text, profile);
    }
}

fn listed<R: Resource>(records: Collection<'_, R>, pairs: &[(String, String)], profile: Profile) {
    match ListQuery::parse::<R>(pairs, profile) {
        Ok((query, _)) => drop(records.list(&query).expect("a list that was read is answered")),
        Err(error) => assert_eq!(error.code(), Code::Validation),
    }
}

/// Any bytes in place of a stored value: they are read, or called damaged, and never a panic.
pub fn stored_bytes(data: &[u8]) {
    let Some((which, value)) = data.split_first() else { return };
    let (store, session) = world(Config::default());
    let contacts = session.contacts();
    let body = br#"{"firstName":"A","lastName":"B","email":"a@x.example"}"#;
    let id = contacts.create(&Json(body)).expect("a good body").row.id();
    let deal = sell(&session);
    session.engine().take_request(&session).expect("memory is there");
    let rows = everything(&*store, &session);
    let key = &rows[usize::from(*which) % rows.len()];
    let mut batch = Batch::new();
    batch.put(key.clone(), value.to_vec());
    let commit = store.write(session.tenant().id, &mut |_| Ok(batch.clone()));
    assert_eq!(commit.expect("a small batch"), Commit::Applied);
    let _ = contacts.get(id).and_then(|row| row.read());
    let _ = contacts.list(&ListQuery { offset: 1, count: true, ..ListQuery::default() });
    let _ = contacts.update(id, &Json(b"{\"phone\":\"1\"}"));
    let _ = contacts.upsert_with(&Json(body), &WriteOptions::default());
    let _ = session.changes(&FeedQuery { from: FeedFrom::After(0), kinds: Kind::ALL.to_vec(), limit: 10 });
    let _ = contacts.delete(id);
    sold(&session, deal);
    let _ = elsewhere(store).take_request(&session);
}

/// Does with a deal, and with what it names, all that reads or follows an index.
fn sold(session: &Session, deal: Id<Deal>) {
    let looms = ListQuery { search: Some("loom".to_owned()), ..ListQuery::default() };
    let open = ListQuery {
        filters: [("status".to_owned(), "open".to_owned())].into(),
        updated_since: Some(Timestamp::MIN),
        ..ListQuery::default()
    };
    let _ = session.deals().get(deal).and_then(|row| row.read());
    let _ = session.deals().list(&open);
    let _ = session.bant().get(deal.into()).and_then(|row| row.read());
    let _ = session.bant().update(deal.into(), &Json(br#"{"need":{"rating":1}}"#));
    for pipeline in session.pipelines().list(&ListQuery::default()).into_iter().flat_map(|page| page.rows) {
        let _ = session.pipelines().forecast(pipeline.id());
    }
    for company in session.companies().list(&looms).into_iter().flat_map(|page| page.rows) {
        let _ = session.companies().delete(company.id());
    }
    let _ = session.deals().delete(deal);
}

/// Another server on the same store, which has leased nothing yet.
fn elsewhere(store: Arc<SharedStore>) -> Engine {
    let (environment, _) = rally_testkit::environment(2);
    Engine::with(store, environment, Config::default())
}

fn world(config: Config) -> (Arc<SharedStore>, Session) {
    let store = Arc::new(SharedStore::new(Arc::new(MemoryStore::new())));
    let (environment, _) = rally_testkit::environment(1);
    let engine = Engine::with(store.clone(), environment, config);
    let draft = TenantDraft { slug: "acme".to_owned(), ..TenantDraft::default() };
    engine.create_tenant(&draft).expect("a new store has no tenant");
    let session = engine.trusted_session("acme", "fuzz").expect("the tenant is there");
    (store, session)
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
/// When a file cannot be read.
pub fn replay(target: fn(&[u8])) -> io::Result<()> {
    std::env::args_os().skip(1).try_for_each(|path| fs::read(path).map(|data| target(&data)))
}

/// Runs a target on each file of a folder and answers how many there were.
///
/// # Errors
/// When the folder or a file of it cannot be read.
pub fn replay_folder(target: fn(&[u8]), folder: &Path) -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        target(&fs::read(entry?.path())?);
        count += 1;
    }
    Ok(count)
}
