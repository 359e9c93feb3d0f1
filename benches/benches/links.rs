//! Deletions of a company that very many contacts name, and how long another writer of the same tenant waits meanwhile.
//!
//! `cargo bench -p rally-benches --bench links` measures it in memory, on redb and on PostgreSQL. `RALLY_BENCH_RECORDS` says
//! how many contacts name the company (30,000), and `RALLY_BENCH_LINKS_AT_ONCE` how many of them one transaction changes.

#![expect(clippy::print_stdout, reason = "printing the table is what it is for")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing better to do than stop")]

use std::{
    env,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rally_benches::{Folder, fixture};
use rally_core::{
    Company, CompanyDraft, Config, ContactDraft, Engine, Environment, Id, Session, TenantDraft,
    limits::BULK_ITEMS,
    store::{MemoryStore, Store},
};
use rally_store_postgres::PostgresStore;
use rally_store_redb::RedbStore;
use rally_testkit::postgres::Server;

fn main() {
    let links = match env::var("RALLY_BENCH_RECORDS") {
        _ if !fixture::is_measuring() => 300,
        Ok(number) => number.parse().expect("RALLY_BENCH_RECORDS is a number"),
        Err(_) => 30_000,
    };
    println!("{links} contacts name the company; milliseconds");
    println!("{:<16}{:>12}{:>10}{:>10}{:>10}", "", "deletion", "creates", "median", "most");
    measure("memory", MemoryStore::new(), links);
    let folder = Folder::temporary();
    let file = RedbStore::open(folder.path().join("rally.redb"), rally_store_redb::Options::default());
    measure("redb", file.expect("a store"), links);
    if let Some(server) = Server::start() {
        let store = PostgresStore::open(&server.fresh_url(), rally_store_postgres::Options::default());
        measure("PostgreSQL", store.expect("a store"), links);
    }
}

fn measure(name: &str, store: impl Store, links: usize) {
    let mut config = Config::default();
    if let Ok(number) = env::var("RALLY_BENCH_LINKS_AT_ONCE") {
        config.links_at_once = number.parse().expect("RALLY_BENCH_LINKS_AT_ONCE is a number");
    }
    let engine = Engine::with(Arc::new(store), Environment::system(), config);
    engine.create_tenant(&TenantDraft::new("acme")).expect("a tenant");
    let session = || engine.tenant("acme").expect("a tenant").trusted_session("bench").expect("a session");
    let company = fill(&session(), links);
    let (deletion, mut waits) = thread::scope(|scope| {
        let deletion = scope.spawn(|| time(|| session().companies().delete(company).expect("a deletion")));
        let (other, mut waits) = (session(), Vec::new());
        while !deletion.is_finished() {
            let draft = contact(&format!("beside{}", waits.len()));
            waits.push(time(|| drop(other.contacts().create(&draft).expect("a contact"))));
        }
        (deletion.join().expect("a deletion"), waits)
    });
    waits.sort_unstable();
    let at = |place: usize| waits.get(place).map_or(0.0, |wait| wait.as_secs_f64() * 1e3);
    let (median, most) = (at(waits.len() / 2), at(waits.len().saturating_sub(1)));
    println!("{name:<16}{:>12.1}{:>10}{median:>10.2}{most:>10.1}", deletion.as_secs_f64() * 1e3, waits.len());
}

fn fill(session: &Session, links: usize) -> Id<Company> {
    let company = session.companies().create(&CompanyDraft::new("Looms")).expect("a company").id;
    let numbers: Vec<usize> = (0..links).collect();
    for numbers in numbers.chunks(BULK_ITEMS) {
        let draft = |number: &usize| contact(&format!("c{number}")).company_id(company);
        let drafts: Vec<ContactDraft> = numbers.iter().map(draft).collect();
        session.contacts().create_many(&drafts, rally_core::Atomicity::AllOrNothing).expect("contacts");
    }
    company
}

fn contact(name: &str) -> ContactDraft {
    ContactDraft::new("Ada", "Lovelace", format!("{name}@looms.example")).title("Head of Procurement")
}

fn time(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}
