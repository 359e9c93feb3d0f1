//! Writers on several engines and a reader of their feed, while the database comes and goes.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter, thread,
    time::Duration,
};

use parking_lot::{Condvar, Mutex, MutexGuard};
use rally_core::{ContactDraft, Engine, FeedEntry, FeedPosition, IdempotencyKey, Session, WriteOptions};
use rally_testkit::check_consistency;
use uuid::Uuid;

use crate::support::{engine, engines, session};

/// Engines that are written through; one more is read through.
const ENGINES: u8 = 3;

/// Writers on each of them.
const WRITERS: usize = 2;

/// The most times that a write is tried. Before the last ones the database is known to be back.
const ATTEMPTS: usize = 30;

/// The number of tries that are made at once, without waiting for the database to be back.
const AT_ONCE: usize = 5;

/// The longest that anything may take before the test has failed.
const BOUND: Duration = Duration::from_secs(90);

/// The load on one database.
pub(crate) struct Load {
    writing: Vec<Session>,
    reading: Session,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Through each engine, the contacts whose creation was acknowledged: id by address.
    acknowledged: Vec<BTreeMap<String, Uuid>>,
    /// The addresses of those that the caller was told were not created.
    refused: Vec<String>,
    /// The number of unknown outcomes. Each write was repeated until its outcome was known.
    unknown: usize,
    /// The times that a standby has taken over. Each is a gap in the feed, and nothing else is.
    promotions: usize,
    is_down: bool,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Writing,
    /// The writers finish what they have begun.
    Ending,
    /// The reader reads to the end.
    Written,
}

/// The reaction of a writer that is told that nothing has happened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// It sends the same with the same key until it is answered.
    TriesAgain,
    /// It takes this for the answer. It has no key, so what the store repeats by itself must not have happened before.
    GivesUp,
}

impl Load {
    /// Opens the engines on a fresh schema.
    pub(crate) fn on(url: &str) -> Self {
        let engines: Vec<Engine> = engines(url, ENGINES);
        let state = State {
            acknowledged: vec![BTreeMap::new(); engines.len()],
            refused: Vec::new(),
            unknown: 0,
            promotions: 0,
            is_down: false,
            stage: Stage::Writing,
        };
        Self {
            writing: engines.iter().map(session).collect(),
            reading: session(&engine(url, ENGINES + 1)),
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Writes and reads while `during` does its worst, and checks what is there in the end.
    pub(crate) fn run(&self, during: impl FnOnce()) {
        let feed = thread::scope(|scope| {
            let reader = scope.spawn(|| self.follow());
            let engines = 0..self.writing.len();
            let each = engines.flat_map(|engine| (0..WRITERS).map(move |writer| (engine, writer)));
            let writers: Vec<_> = each
                .map(|(engine, writer)| scope.spawn(move || self.write_through(engine, writer)))
                .collect();
            // Also when it panics.
            let end = OnDrop(|| self.reach(Stage::Ending));
            let read = OnDrop(|| self.reach(Stage::Written));
            during();
            drop(end);
            let results: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
            drop(read);
            results.into_iter().for_each(Result::unwrap);
            reader.join().unwrap()
        });
        self.check(&feed);
    }

    /// Waits until so many more creations have been acknowledged than now.
    pub(crate) fn wait_for_writes(&self, more: usize) {
        let mut state = self.state.lock();
        let target = state.acknowledged.iter().map(BTreeMap::len).sum::<usize>() + more;
        self.wait(&mut state, |state| state.acknowledged.iter().map(BTreeMap::len).sum::<usize>() >= target);
    }

    /// Waits until so many more have been acknowledged through each engine: all of them serve.
    pub(crate) fn wait_for_each(&self, more: usize) {
        let mut state = self.state.lock();
        let targets: Vec<usize> = state.acknowledged.iter().map(|told| told.len() + more).collect();
        self.wait(&mut state, |state| {
            state.acknowledged.iter().zip(&targets).all(|(told, target)| told.len() >= *target)
        });
    }

    /// Tells all that the database is away while `work` runs, so that they do not ask without end.
    pub(crate) fn outage(&self, work: impl FnOnce()) {
        self.change(|state| state.is_down = true);
        let _back = OnDrop(|| self.change(|state| state.is_down = false));
        work();
    }

    /// An outage at whose end a standby has taken over.
    pub(crate) fn failover(&self, work: impl FnOnce()) {
        self.outage(work);
        self.change(|state| state.promotions += 1);
    }

    fn reach(&self, stage: Stage) {
        self.change(|state| state.stage = state.stage.max(stage));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.changed.notify_all();
    }

    fn wait(&self, state: &mut MutexGuard<'_, State>, is_so: impl Fn(&State) -> bool) {
        let waited = self.changed.wait_while_for(state, |state| !is_so(state), BOUND);
        assert!(!waited.timed_out(), "the load stands still");
    }

    fn wait_until_back(&self) {
        self.wait(&mut self.state.lock(), |state| !state.is_down);
    }

    fn write_through(&self, engine: usize, writer: usize) {
        for number in 0.. {
            if self.state.lock().stage != Stage::Writing {
                return;
            }
            let email = format!("e{engine}w{writer}n{number}@x.example");
            let patience = if number % 2 == 0 { Patience::GivesUp } else { Patience::TriesAgain };
            match self.create(&self.writing[engine], &email, patience) {
                Some(id) => self.change(|state| {
                    state.acknowledged[engine].insert(email, id);
                }),
                None => {
                    self.change(|state| state.refused.push(email));
                    self.wait_until_back();
                }
            }
        }
    }

    /// Creates a contact once, with as many tries as it takes; `None` when it was told that nothing has happened.
    fn create(&self, session: &Session, email: &str, patience: Patience) -> Option<Uuid> {
        let draft = ContactDraft::new("A", "B", email);
        let key = IdempotencyKey::new(email, &[email.as_bytes()]).unwrap();
        let idempotency_key = if patience == Patience::TriesAgain { Some(key) } else { None };
        let options = WriteOptions { idempotency_key, ..WriteOptions::default() };
        let mut in_doubt = false;
        for attempt in 0..ATTEMPTS {
            match session.contacts().create_with(&draft, &options) {
                Ok(written) => return Some(written.record.id.as_uuid()),
                Err(error) if error.is_outcome_unknown() => {
                    in_doubt = true;
                    self.change(|state| state.unknown += 1);
                }
                Err(error) if error.is_unavailable() => {
                    if patience == Patience::GivesUp && !in_doubt {
                        return None;
                    }
                }
                Err(error) if error.is_duplicate() && in_doubt && patience == Patience::GivesUp => {
                    return error.existing_id();
                }
                Err(error) => panic!("{email} is refused: {error:?}"),
            }
            if attempt >= AT_ONCE {
                self.wait_until_back();
            }
        }
        panic!("{email} has no answer after {ATTEMPTS} attempts");
    }

    /// Reads the feed from change to change, as far as it goes when the last writer has finished.
    fn follow(&self) -> Vec<FeedEntry> {
        let mut seen: Vec<FeedEntry> = Vec::new();
        let mut feed = self.reading.follow(FeedPosition::START);
        loop {
            let is_written = self.state.lock().stage == Stage::Written;
            match feed.next() {
                None if is_written => return seen,
                None => drop(feed.wait(Duration::from_millis(20))),
                Some(Ok(change)) => seen.push(change.into_entry()),
                Some(Err(error)) => {
                    assert!(error.is_unavailable(), "{error:?}");
                    self.wait_until_back();
                }
            }
        }
    }

    fn check(&self, feed: &[FeedEntry]) {
        let contacts = check_consistency(&self.reading);
        let found: BTreeMap<String, Uuid> =
            contacts.iter().map(|contact| (contact.email.clone(), contact.id.as_uuid())).collect();
        assert_eq!(found.len(), contacts.len(), "an address is there twice");
        let state = self.state.lock();
        let told: BTreeMap<String, Uuid> = state.acknowledged.iter().flatten().map(owned).collect();
        let lost: Vec<_> = told.iter().filter(|(email, id)| found.get(*email) != Some(id)).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        let there: Vec<_> = state.refused.iter().filter(|email| found.contains_key(*email)).collect();
        assert!(there.is_empty(), "refused and there: {there:?}");
        // Every creation came to a definite end.
        assert_eq!(found, told);

        let before = iter::once(0).chain(feed.iter().map(|entry| entry.id));
        let steps = before.zip(feed).map(|(before, entry)| (before, entry.id));
        assert!(steps.clone().all(|(before, next)| before < next), "the feed repeats a number");
        let gaps = steps.filter(|(before, next)| before + 1 < *next).count();
        assert_eq!(gaps, state.promotions, "the feed has another gap than one at each promotion");
        let read: BTreeSet<Uuid> = feed.iter().map(|entry| entry.entity_id).collect();
        assert_eq!(read.len(), feed.len(), "the feed names a contact twice");
        assert_eq!(read, found.into_values().collect(), "who followed the feed has not what is there");
        println!("{} contacts, {} refused, {} unknown", told.len(), state.refused.len(), state.unknown);
    }
}

fn owned((email, id): (&String, &Uuid)) -> (String, Uuid) {
    (email.clone(), *id)
}

/// Does something however a scope is left.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
