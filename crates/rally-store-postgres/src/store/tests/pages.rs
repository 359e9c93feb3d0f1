//! The pages that the database reads for what an engine asks of it: they follow what is answered, not what is stored.

mod works;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
};

use rally_core::{
    CompanyDraft, Contact, ContactDraft, Id, Session, TenantDraft,
    store::{Direction, KeyRange},
};
use rally_testkit::postgres::{Server, Setup};
use serde_json::Value;

use self::works::Given;
use super::*;
use crate::connection::Connection;

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

/// The pages of the tables, their indexes and their long values that all connections have asked for, as far as they have
/// told of them.
const TOLD: &str = "
SELECT coalesce(sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read + idx_blks_hit, 0)
    + coalesce(toast_blks_read + toast_blks_hit, 0) + coalesce(tidx_blks_read + tidx_blks_hit, 0)), 0)::int8
FROM pg_statio_user_tables WHERE schemaname = current_schema()";

/// Ends what a connection is at, and has it tell of all that it has asked for.
const TELL: &str = "ROLLBACK; SELECT pg_stat_force_next_flush(); SELECT 1";

/// A statement that the database has run; all of some work in one, without a text, where it has no module that tells of each.
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
    beside_store: Arc<PostgresStore>,
    /// Asks how many pages were asked for.
    observer: Connection,
    contacts: Vec<Id<Contact>>,
}

impl Watched {
    fn new() -> Option<Self> {
        // Tidying up in between would be taken for somebody's asking.
        let server = Server::start_with(&Setup { settings: &[("autovacuum", "off")], ..Setup::default() })?;
        let url = server.fresh_url();
        let one = Options { connections: 1, wait: Duration::from_secs(1), ..Options::default() };
        let open = |url: &str| Arc::new(PostgresStore::open(url, one).unwrap());
        let engine = |store: &Arc<PostgresStore>| {
            let store: Arc<dyn Store> = Arc::<PostgresStore>::clone(store);
            Engine::with(store, Environment::system(), Config::default())
        };
        let beside_store = open(&url);
        let beside = engine(&beside_store).create_tenant(&TenantDraft::new("acme")).unwrap();
        let beside = beside.trusted_session("test").unwrap();
        let store = open(&if postgres::is_bare() { url } else { format!("{url}{TELLING}") });
        let session = engine(&store).tenant("acme").unwrap().trusted_session("test").unwrap();
        let database = &beside_store.database;
        let observer = database.block_on(database.connector().connect()).unwrap();
        Some(Self { server, store, session, beside, beside_store, observer, contacts: Vec::new() })
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
        self.observe(async |client| client.batch_execute("VACUUM ANALYZE").await);
    }

    /// The statements on the tables that some work makes the database run.
    fn watch<T>(&self, work: impl FnOnce() -> T) -> (T, Vec<Ran>) {
        tell(&self.beside_store);
        self.observe(async |client| client.batch_execute(TELL).await);
        tell(&self.store);
        if postgres::is_bare() {
            let before = self.told();
            let done = work();
            tell(&self.store);
            return (done, vec![Ran { text: String::new(), pages: self.told() - before }]);
        }
        let mut log = File::open(self.server.log()).unwrap();
        log.seek(SeekFrom::End(0)).unwrap();
        let done = work();
        tell(&self.store);
        let mut told = String::new();
        log.read_to_string(&mut told).unwrap();
        (done, ran(&told))
    }

    fn told(&self) -> u64 {
        let row = self.observe(async |client| client.query_one(TOLD, &[]).await);
        u64::try_from(row.get::<_, i64>(0)).unwrap()
    }

    fn observe<T>(
        &self,
        ask: impl AsyncFn(&tokio_postgres::Client) -> Result<T, tokio_postgres::Error>,
    ) -> T {
        self.store.database.block_on(ask(&self.observer.client)).unwrap()
    }
}

/// Returns when the database has run all that a store with one connection has sent, and told of it.
fn tell(store: &PostgresStore) {
    let asking = Transaction::new(&store.database, TENANT, Purpose::Reading);
    asking.ask(async |connection| connection.client.batch_execute(TELL).await).unwrap();
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
        // A level more for each key that is looked up. What the tables tell has the pages that planning and tidying take, too.
        let (least, most) = (pages(few, ""), pages(many, ""));
        let bound = if postgres::is_bare() { least * 2 } else { least * 3 / 2 };
        assert!(most <= bound + MORE, "{}", told());
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
    for range in ranges.iter().filter(|range| !range.is_empty()) {
        for direction in [Direction::Forward, Direction::Backward] {
            for limit in [1, 30] {
                let (found, ran) = watched.watch(|| {
                    let view = watched.store.snapshot(tenant).unwrap();
                    view.scan(range, direction, limit).unwrap().len()
                });
                let [Ran { pages, .. }] = ran.as_slice() else { panic!("one statement a scan: {ran:?}") };
                let most = WAY_DOWN + 2 * u64::try_from(found).unwrap();
                // The way down the index, and for each row at most a leaf of the index and a page of the table.
                assert!(*pages <= most, "{pages} pages for {found} of {range:?}, {direction:?}");
            }
        }
    }
}

/// The pages of an index from its root to a leaf and the next one, with some to spare.
const WAY_DOWN: u64 = 8;
