//! The pages that the database reads for what an engine asks of it: they follow what is answered, not what is stored.

mod works;

use std::{collections::BTreeMap, fs};

use rally_core::{
    CompanyDraft, Contact, ContactDraft, Id, Session, TenantDraft,
    store::{Direction, KeyRange},
};
use rally_testkit::postgres::Server;
use serde_json::Value;

use self::works::Given;
use super::*;

/// Contacts, and companies besides, at which the same is asked.
const SIZES: [usize; 2] = [1_000, 10_000];

/// The further pages that the larger size may cost: the index has one more level, and a list another block.
const MORE: u64 = 20;

/// The beginning of every scan.
const SCAN: &str = "SELECT key, value";

/// The records that are written at once while the tables are filled.
const AT_ONCE: usize = 500;

/// Has the database tell of every statement by which plan it ran it, and the pages that it read for that.
const TELLING: &str = "&options=-csession_preload_libraries%3Dauto_explain%20-cauto_explain.log_min_duration%3D0\
     %20-cauto_explain.log_analyze%3Don%20-cauto_explain.log_buffers%3Don%20-cauto_explain.log_timing%3Doff\
     %20-cauto_explain.log_format%3Djson";

/// A statement that the database has run.
#[derive(Debug)]
struct Ran {
    text: String,
    pages: u64,
}

/// A store whose statements are read in the server's log. It has one connection, so they are all in it in their order.
struct Watched {
    server: Server,
    store: Arc<PostgresStore>,
    session: Session,
    /// The same, but not watched.
    beside: Session,
    contacts: Vec<Id<Contact>>,
}

impl Watched {
    fn new() -> Option<Self> {
        let server = Server::start()?;
        let url = server.fresh_url();
        let open = |url: &str, options| Arc::new(PostgresStore::open(url, options).unwrap());
        let engine =
            |store: Arc<PostgresStore>| Engine::with(store, Environment::system(), Config::default());
        let beside = engine(open(&url, Options::default()));
        let beside =
            beside.create_tenant(&TenantDraft::new("acme")).unwrap().trusted_session("test").unwrap();
        let one = Options { connections: 1, wait: Duration::from_secs(1), ..Options::default() };
        let store = open(&format!("{url}{TELLING}"), one);
        let session = engine(Arc::clone(&store)).tenant("acme").unwrap().trusted_session("test").unwrap();
        Some(Self { server, store, session, beside, contacts: Vec::new() })
    }

    /// Writes until there are so many contacts and companies, and tidies up as the database does in time.
    fn fill(&mut self, size: usize) {
        while self.contacts.len() < size {
            let made = self.contacts.len();
            let more = self.beside.write(|transaction| {
                (made..size.min(made + AT_ONCE))
                    .map(|number| {
                        transaction.companies().create(&CompanyDraft::new(format!("Company {number}")))?;
                        Ok(transaction.contacts().create(&contact(&format!("c{number}")))?.id)
                    })
                    .collect::<Result<Vec<_>, rally_core::Error>>()
            });
            self.contacts.extend(more.unwrap());
        }
        let database = &self.store.database;
        let connection = database.block_on(database.connector().connect()).unwrap();
        database.block_on(connection.client.batch_execute("VACUUM ANALYZE")).unwrap();
    }

    /// The statements on the tables that some work makes the database run.
    fn watch<T>(&self, work: impl FnOnce() -> T) -> (T, Vec<Ran>) {
        self.wait();
        let before = fs::read(self.server.log()).unwrap().len();
        let done = work();
        self.wait();
        let log = fs::read(self.server.log()).unwrap();
        (done, ran(std::str::from_utf8(&log[before..]).unwrap()))
    }

    /// Returns when the database has run all that it was sent, and told of it.
    fn wait(&self) {
        let asking = Transaction::new(&self.store.database, TENANT, Purpose::Reading);
        asking.ask(async |connection| connection.client.batch_execute("ROLLBACK; SELECT 1").await).unwrap();
    }
}

/// The pages of those statements that begin so.
fn pages(ran: &[Ran], beginning: &str) -> u64 {
    ran.iter().filter(|ran| ran.text.starts_with(beginning)).map(|ran| ran.pages).sum()
}

/// The statements of a log that are on the tables.
fn ran(log: &str) -> Vec<Ran> {
    let plans = log.split("  plan:\n").skip(1).map(|rest| {
        let json: String = rest.lines().take_while(|line| line.starts_with('\t')).collect();
        let told: Value = serde_json::from_str(&json).unwrap();
        let pages = |kind: &str| told["Plan"][kind].as_u64().unwrap();
        Ran {
            text: told["Query Text"].as_str().unwrap().trim().to_owned(),
            pages: pages("Shared Hit Blocks") + pages("Shared Read Blocks"),
        }
    });
    plans.filter(|ran| ran.text.contains("rally_")).collect()
}

fn contact(name: &str) -> ContactDraft {
    ContactDraft::new(name, "Lovelace", format!("{name}@x.example"))
}

#[test]
fn what_an_engine_asks_reads_as_many_pages_whatever_is_stored() {
    let Some(mut watched) = Watched::new() else { return };
    let mut read: BTreeMap<&str, Vec<Vec<Ran>>> = BTreeMap::new();
    for size in SIZES {
        watched.fill(size);
        let given = Given::new(&watched, size);
        for (name, work) in works::all() {
            read.entry(name).or_default().push(watched.watch(|| work(&given)).1);
        }
    }
    for (name, at_sizes) in &read {
        let [few, many] = at_sizes.as_slice() else { panic!("{name} was not asked at each size") };
        assert!(pages(few, "") > 0, "{name} asks nothing");
        let told = || format!("{name}: {few:?} at one size, {many:?} at the other");
        assert!(pages(many, SCAN) <= pages(few, SCAN) + MORE, "{}", told());
        // A level more for each key that is looked up.
        assert!(pages(many, "") <= pages(few, "") * 3 / 2 + MORE, "{}", told());
    }
}

/// Ranges around keys at the beginning, in the middle and at the end of every space that has some.
fn ranges(snapshot: &dyn Snapshot) -> Vec<KeyRange> {
    let mut ranges = Vec::new();
    for space in 0..=u8::MAX {
        let all = KeyRange::prefix(&Key::new(Space(space)));
        let scan = |direction, limit| snapshot.scan(&all, direction, limit).unwrap();
        let (first, last) = (scan(Direction::Forward, 1_000), scan(Direction::Backward, 1));
        for entry in [first.first(), first.last(), last.last()].into_iter().flatten() {
            let bytes = entry.key.as_bytes();
            for length in [1, 2, bytes.len().div_ceil(2), bytes.len()] {
                let within = KeyRange::prefix(&Key::from_bytes(&bytes[..length.min(bytes.len())]).unwrap());
                ranges.push(within.clone().from(entry.key.successor()));
                ranges.push(within.clone().until(entry.key.clone()));
                ranges.push(within);
            }
        }
    }
    ranges
}

#[test]
fn a_scan_of_any_range_reads_as_many_pages_as_it_has_answers() {
    let Some(mut watched) = Watched::new() else { return };
    watched.fill(SIZES[0]);
    let tenant = watched.session.tenant().id;
    let ranges = ranges(&*watched.store.snapshot(tenant).unwrap());
    let (answers, ran) = watched.watch(|| {
        let view = watched.store.snapshot(tenant).unwrap();
        let mut answers = Vec::new();
        for range in ranges.iter().filter(|range| !range.is_empty()) {
            for direction in [Direction::Forward, Direction::Backward] {
                for limit in [1, 30] {
                    let found = u64::try_from(view.scan(range, direction, limit).unwrap().len()).unwrap();
                    answers.push((range, direction, found));
                }
            }
        }
        answers
    });
    assert_eq!(ran.len(), answers.len());
    for (ran, (range, direction, found)) in ran.iter().zip(answers) {
        // The way down the index, and for each row at most a leaf of the index and a page of the table.
        assert!(
            ran.pages <= WAY_DOWN + 2 * found,
            "{} pages for {found} of {range:?}, {direction:?}",
            ran.pages
        );
    }
}

/// The pages of an index from its root to a leaf and the next one, with some to spare.
const WAY_DOWN: u64 = 8;
