//! What the fuzz targets do with their input.
//!
//! Under cargo-fuzz they run as fuzzers (`cargo fuzz run bodies` from this folder, with `RUSTC_BOOTSTRAP=1` on a
//! stable toolchain); without it each is a program that replays the files it is given, and the tests replay `seeds`.

use std::{fs, io, path::Path, sync::Arc};

use rally_core::{
    Code, Config, Contact, Engine, FeedFrom, FeedQuery, Fields, Json, Kind, ListQuery, Profile, Resource,
    Session, TenantDraft, WriteOptions,
    store::{Batch, Commit, Direction, Key, KeyRange, MemoryStore, Space, Store},
};
use rally_testkit::SharedStore;
use serde_json::Value;

/// Any bytes as the body of a contact: they make one that is read back as JSON and stays when it is sent again, or are
/// refused with a reason that is the caller's to mend.
pub fn bodies(data: &[u8]) {
    for profile in [Profile::Documented, Profile::Strict] {
        let (_, session) = world(Config { profile, ..Config::default() });
        let contacts = session.contacts();
        match contacts.create(&Json(data)) {
            Ok(written) => {
                let mut json = Vec::new();
                written.row.write_json(Contact::model().whole(), &mut json).expect("a record can be read");
                let value: Value = serde_json::from_slice(&json).expect("a record is JSON");
                assert_eq!(value.as_object().expect("an object").len(), Contact::model().members().len());
                written.read().expect("a record is a contact");
                let again =
                    contacts.update(written.row.id(), &Json(data)).expect("what was taken is taken again");
                assert_eq!(again.row, written.row);
            }
            Err(error) => assert!(error.is_invalid(), "{error:?}"),
        }
        let many = contacts.create_many(&Json(data), false, &WriteOptions::default());
        assert!(many.is_ok() || many.is_err_and(|error| error.is_invalid()));
    }
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
    for profile in [Profile::Documented, Profile::Strict] {
        match ListQuery::parse::<Contact>(&pairs, profile) {
            Ok((query, _)) => {
                drop(session.contacts().list(&query).expect("a list that was read is answered"))
            }
            Err(error) => assert_eq!(error.code(), Code::Validation),
        }
        match FeedQuery::parse(&pairs, profile) {
            Ok((query, _)) => drop(session.changes(&query).expect("a feed that was read is answered")),
            Err(error) => assert_eq!(error.code(), Code::Validation),
        }
        let _ = Fields::parse(Contact::model(), &text, profile);
    }
}

/// Any bytes in place of a stored value: they are read, or called damaged, and never a panic.
pub fn stored_bytes(data: &[u8]) {
    let Some((which, value)) = data.split_first() else { return };
    let (store, session) = world(Config::default());
    let contacts = session.contacts();
    let body = br#"{"firstName":"A","lastName":"B","email":"a@x.example"}"#;
    let id = contacts.create(&Json(body)).expect("a good body").row.id();
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
    let _ = elsewhere(store).take_request(&session);
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
