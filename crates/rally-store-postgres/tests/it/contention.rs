//! Many writers on many stores and engines of one database.

use std::{
    collections::BTreeSet,
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use parking_lot::Mutex;
use rally_core::{
    ContactDraft, IdempotencyKey, WriteOptions,
    store::{Commit, Store},
};
use rally_store_postgres::{Options, PostgresStore};
use rally_testkit::{check_consistency, postgres};

use crate::support::{engines, get, key, number, one, open, session, tenant};

const STORES: usize = 3;

const THREADS: u64 = 3;

const WRITES: u64 = 40;

/// A counter that many write to, and what they have been told.
#[derive(Default)]
struct Counter {
    /// The greatest number that was acknowledged.
    told: AtomicU64,
    made: Mutex<BTreeSet<u64>>,
}

impl Counter {
    /// Adds one, and checks that the write saw the newest state.
    fn increment(&self, store: &dyn Store, number_of_tenant: u128) {
        let told_before = self.told.load(Ordering::SeqCst);
        let mut made = 0;
        let commit = store.write(tenant(number_of_tenant), &mut |newest| {
            let seen = newest.get(&key("counter"))?.map_or(0, |value| number(&value));
            assert!(seen >= told_before, "{told_before} was acknowledged before, and the write saw {seen}");
            made = seen + 1;
            Ok(one(&key("counter"), made.to_string().as_bytes()))
        });
        assert_eq!(commit.unwrap(), Commit::Applied);
        self.told.fetch_max(made, Ordering::SeqCst);
        assert!(self.made.lock().insert(made), "{made} was made twice");
    }
}

#[test]
fn no_increment_is_lost_whichever_store_and_tenant_it_is_of() {
    let Some(database) = postgres::shared() else { return };
    let url = database.fresh_url();
    let stores: Vec<PostgresStore> = (0..STORES).map(|_| open(&url, Options::default())).collect();
    let counters: [Counter; STORES + 1] = Default::default();
    thread::scope(|scope| {
        for (place, store) in stores.iter().enumerate() {
            let (all, own) = (&counters[0], &counters[place + 1]);
            for _ in 0..THREADS {
                scope.spawn(move || {
                    for _ in 0..WRITES {
                        all.increment(store, 0);
                        own.increment(store, u128::try_from(place + 1).unwrap());
                    }
                });
            }
        }
    });
    for (place, counter) in (0..).zip(&counters) {
        let writes = if place == 0 { 3 * THREADS * WRITES } else { THREADS * WRITES };
        assert!(counter.made.lock().iter().copied().eq(1..=writes));
        for store in &stores {
            assert_eq!(number(&get(store, tenant(place), &key("counter")).unwrap()), writes);
        }
    }
}

#[test]
fn a_snapshot_taken_after_an_answer_shows_the_write_on_every_store() {
    let Some(database) = postgres::shared() else { return };
    let url = database.fresh_url();
    let stores: Vec<PostgresStore> = (0..STORES).map(|_| open(&url, Options::default())).collect();
    let counter = Counter::default();
    thread::scope(|scope| {
        for (place, store) in stores.iter().enumerate() {
            let (counter, other) = (&counter, &stores[(place + 1) % STORES]);
            scope.spawn(move || {
                for _ in 0..WRITES {
                    counter.increment(store, 1);
                    let told = counter.told.load(Ordering::SeqCst);
                    let shown = number(&get(other, tenant(1), &key("counter")).unwrap());
                    assert!(shown >= told, "{told} was acknowledged and {shown} is shown");
                }
            });
        }
    });
}

fn draft(email: &str) -> ContactDraft {
    ContactDraft::new("A", "B", email)
}

#[test]
fn an_address_that_many_engines_want_at_once_is_given_to_one() {
    let Some(database) = postgres::shared() else { return };
    let engines = engines(&database.fresh_url(), 3);
    let start = Barrier::new(engines.len() * 2);
    let (won, lost) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for session in engines.iter().chain(&engines).map(session) {
            let (start, won, lost) = (&start, &won, &lost);
            scope.spawn(move || {
                for round in 0..20 {
                    let draft = draft(&format!("c{round}@x.example"));
                    start.wait();
                    match session.contacts().create(&draft) {
                        Ok(contact) => won.lock().push((round, contact.id.as_uuid())),
                        Err(error) if error.is_duplicate() => {
                            lost.lock().push((round, error.existing_id().unwrap()));
                        }
                        Err(error) => panic!("{error:?}"),
                    }
                }
            });
        }
    });
    let (mut won, lost) = (won.into_inner(), lost.into_inner());
    won.sort_unstable();
    assert!(won.iter().map(|(round, _)| *round).eq(0..20), "{won:?}");
    assert_eq!(lost.len(), 20 * (engines.len() * 2 - 1));
    assert!(lost.iter().all(|told| won.contains(told)), "a loser was told of another than the winner");
    assert_eq!(check_consistency(&session(&engines[0])).len(), 20);
}

#[test]
fn a_write_that_is_sent_to_many_engines_under_one_key_happens_once() {
    let Some(database) = postgres::shared() else { return };
    let engines = engines(&database.fresh_url(), 4);
    let start = Barrier::new(engines.len());
    let answers = Mutex::new(BTreeSet::new());
    thread::scope(|scope| {
        for session in engines.iter().map(session) {
            let (start, answers) = (&start, &answers);
            scope.spawn(move || {
                for round in 0..20 {
                    let email = format!("c{round}@x.example");
                    let key = IdempotencyKey::new(&email, &[]).unwrap();
                    let options = WriteOptions::default().once(key);
                    start.wait();
                    let written = session.contacts().create_with(&draft(&email), &options).unwrap();
                    let answer = (round, written.record.id.as_uuid(), written.replayed);
                    let is_new = answers.lock().insert(answer);
                    assert!(is_new || written.replayed, "{email} was created twice");
                }
            });
        }
    });
    // Of each round one answer that is the first, and one that the others share.
    let answers: Vec<_> = answers.into_inner().into_iter().collect();
    assert_eq!(answers.len(), 40, "{answers:?}");
    assert!(answers.chunks(2).all(|pair| pair[0].1 == pair[1].1 && !pair[0].2 && pair[1].2), "{answers:?}");
    assert_eq!(check_consistency(&session(&engines[0])).len(), 20);
}
