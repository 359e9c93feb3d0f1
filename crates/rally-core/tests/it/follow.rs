//! Following the feed: going on from a place, and waiting for what comes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rally_core::{
    Action, Code, Company, CompanyDraft, Config, Contact, ContactUpdate, Deal, Engine, FeedPosition, Follow,
    Id, Kind, Query, Scope, Timestamp, User,
    store::{MemoryStore, Store},
};
use rally_testkit::{FaultyStore, ReadFault, SharedStore};

use crate::support::{World, ada, tenant};

/// Longer than any test runs: whoever waits for so long waits for what must come.
const LONG: Duration = Duration::from_secs(60);

/// The numbers of the changes that there are by now.
fn numbers(feed: &mut Follow<'_>) -> Vec<u64> {
    feed.map(|change| change.unwrap().id).collect()
}

/// A world with so many changes.
fn world_of(changes: usize) -> World {
    let world = World::new();
    let id = world.add("a@x.example");
    world
        .acme
        .write(|tx| {
            (1..changes).try_for_each(|number| {
                let update = ContactUpdate::new().phone(number.to_string());
                tx.contacts().update(id, &update).map(drop)
            })
        })
        .unwrap();
    world
}

#[test]
fn a_reader_goes_on_after_a_number_and_after_an_instant() {
    let world = world_of(200);
    let changes: Vec<_> =
        world.acme.follow(FeedPosition::START).map(|change| change.unwrap().into_entry()).collect();
    assert_eq!(changes.iter().map(|change| change.id).collect::<Vec<_>>(), (1..=200).collect::<Vec<_>>());
    for place in [0, 1, 62, 63, 64, 150, 198, 199] {
        let behind: Vec<u64> = (changes[place].id + 1..=200).collect();
        let mut by_number = world.acme.follow(FeedPosition::After(changes[place].id));
        assert_eq!(numbers(&mut by_number), behind, "{place}");
        let mut by_instant = world.acme.follow(FeedPosition::Since(changes[place].changed_at));
        assert_eq!(numbers(&mut by_instant), behind, "{place}");
    }
    let from_the_start = numbers(&mut world.acme.follow(FeedPosition::Since(Timestamp::MIN)));
    assert_eq!(from_the_start.len(), 200);
}

#[test]
fn the_position_is_where_another_reader_goes_on() {
    let world = world_of(10);
    let since = FeedPosition::Since(Timestamp::MIN);
    let mut feed = world.acme.follow(since);
    assert_eq!(feed.position(), since);
    for number in 1..=4 {
        assert_eq!(feed.next().unwrap().unwrap().id, number);
        assert_eq!(feed.position(), FeedPosition::After(number));
    }
    let position = feed.position();
    assert_eq!(numbers(&mut world.acme.follow(position)), (5..=10).collect::<Vec<_>>());
    assert_eq!(numbers(&mut feed), (5..=10).collect::<Vec<_>>());
    assert_eq!(feed.position(), FeedPosition::After(10));
}

#[test]
fn each_change_is_told_once_however_often_the_reader_comes_back() {
    let world = World::new();
    let mut feed = world.acme.follow(FeedPosition::START);
    assert!(feed.next().is_none() && feed.next().is_none());
    let mut seen = Vec::new();
    for number in 0..5 {
        world.add(&format!("c{number}@x.example"));
        world.add(&format!("d{number}@x.example"));
        assert!(feed.wait(LONG).unwrap());
        seen.extend(numbers(&mut feed));
        assert!(feed.next().is_none() && !feed.wait(Duration::ZERO).unwrap());
    }
    assert_eq!(seen, (1..=10).collect::<Vec<_>>());
}

#[test]
fn more_changes_than_are_read_at_once_are_all_told() {
    let world = world_of(2_345);
    let mut feed = world.acme.follow(FeedPosition::START);
    assert_eq!(numbers(&mut feed), (1..=2_345).collect::<Vec<_>>());
    assert!(feed.next().is_none());
}

#[test]
fn waiting_ends_at_once_where_there_is_something_and_passes_over_nothing() {
    let world = world_of(3);
    let mut feed = world.acme.follow(FeedPosition::START);
    for timeout in [Duration::ZERO, LONG, Duration::MAX] {
        assert!(feed.wait(timeout).unwrap());
    }
    assert_eq!(feed.position(), FeedPosition::START);
    assert_eq!(numbers(&mut feed), [1, 2, 3]);
}

#[test]
fn waiting_for_what_does_not_come_ends_with_the_time_given() {
    let world = world_of(3);
    let mut feed = world.acme.follow(FeedPosition::After(3));
    for timeout in [Duration::ZERO, Duration::from_millis(1), Duration::from_millis(20)] {
        assert!(!feed.wait(timeout).unwrap());
    }
    let shared = World::on(Arc::new(SharedStore::new(Arc::new(MemoryStore::new()))));
    let mut feed = shared.acme.follow(FeedPosition::START);
    for timeout in [Duration::ZERO, Duration::from_millis(1), Duration::from_millis(250)] {
        assert!(!feed.wait(timeout).unwrap());
    }
}

#[test]
fn a_commit_of_another_thread_wakes_whoever_waits() {
    const ROUNDS: u64 = 200;
    let world = World::new();
    // Two threads answer one another: each commit is what the other one waits for.
    let answer = |own: u64| {
        let mut feed = world.acme.follow(FeedPosition::START);
        let mut next = 1;
        while next <= ROUNDS {
            if next % 2 == own {
                world.add(&format!("c{next}@x.example"));
            }
            while feed.position() != FeedPosition::After(next) {
                assert!(feed.wait(LONG).unwrap(), "nobody woke it");
                assert_eq!(feed.next().unwrap().unwrap().id, next);
            }
            next += 1;
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| answer(0));
        scope.spawn(|| answer(1));
    });
    assert_eq!(world.acme.last_change().unwrap().0, ROUNDS);
}

#[test]
fn a_commit_wakes_the_readers_of_its_own_tenant_all_of_them() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| world.acme.follow(FeedPosition::START).wait(LONG).unwrap()))
            .collect();
        world.add("a@x.example");
        assert!(waiting.into_iter().all(|thread| thread.join().unwrap()));
    });
    assert!(!other.follow(FeedPosition::START).wait(Duration::from_millis(1)).unwrap());
}

#[test]
fn a_transaction_wakes_once_it_is_committed_and_shows_all_its_changes() {
    let world = World::new();
    let told = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut feed = world.acme.follow(FeedPosition::START);
            assert!(feed.wait(LONG).unwrap());
            numbers(&mut feed)
        });
        let drafts = ["a@x.example", "b@x.example", "c@x.example"].map(ada);
        world
            .acme
            .write(|tx| drafts.iter().try_for_each(|draft| tx.contacts().create(draft).map(drop)))
            .unwrap();
        reader.join().unwrap()
    });
    assert_eq!(told, [1, 2, 3]);
}

#[test]
fn what_another_server_writes_to_a_shared_store_is_seen() {
    let store: Arc<dyn Store> = Arc::new(SharedStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(Arc::clone(&store));
    let there = Engine::with(store, rally_testkit::environment(8).0, Config::default());
    let elsewhere = there.tenant("acme").unwrap().trusted_session("there").unwrap();
    let told = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut feed = world.acme.follow(FeedPosition::START);
            assert!(feed.wait(LONG).unwrap());
            let change = feed.next().unwrap().unwrap();
            (change.changed_by.clone(), change.record::<Contact>().unwrap().unwrap().email)
        });
        elsewhere.contacts().create(&ada("a@x.example")).unwrap();
        reader.join().unwrap()
    });
    assert_eq!(told, (Some("there".to_owned()), "a@x.example".to_owned()));
}

#[test]
fn only_the_kinds_asked_for_are_told_and_waited_for() {
    let world = World::new();
    let mut feed = world.acme.follow(FeedPosition::START).kinds(&[Kind::Deal, Kind::Company]);
    world.add("a@x.example");
    assert!(!feed.wait(Duration::ZERO).unwrap() && feed.next().is_none());
    thread::scope(|scope| {
        scope.spawn(|| {
            world.add("b@x.example");
            world.acme.companies().create(&CompanyDraft::new("Looms")).unwrap();
            world.add("c@x.example");
            world.deal("Deal");
        });
        for (number, kind) in [(3, Kind::Company), (5, Kind::Deal)] {
            assert!(feed.wait(LONG).unwrap());
            let change = feed.next().unwrap().unwrap();
            assert_eq!((change.id, change.entity_type), (number, kind));
        }
    });
    assert!(feed.next().is_none());
    let mut nothing = world.acme.follow(FeedPosition::START).kinds(&[Kind::User]);
    assert!(nothing.next().is_none() && !nothing.wait(Duration::ZERO).unwrap());
}

#[test]
fn changes_of_other_kinds_do_not_make_a_wait_longer() {
    const VERY_MANY: usize = 200_000;
    let world = World::new();
    let (id, is_over) = (world.add("a@x.example"), AtomicBool::new(false));
    let written = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut written = 0;
            while written < VERY_MANY && !is_over.load(Ordering::SeqCst) {
                let update = ContactUpdate::new().phone(written.to_string());
                world.acme.contacts().update(id, &update).unwrap();
                written += 1;
            }
            written
        });
        let mut feed = world.acme.follow(FeedPosition::START).kinds(&[Kind::Deal]);
        assert!(!feed.wait(Duration::from_millis(50)).unwrap());
        is_over.store(true, Ordering::SeqCst);
        writer.join().unwrap()
    });
    assert!(written < VERY_MANY, "it waited until nothing changed any more");
}

#[test]
fn the_record_of_a_change_is_the_one_that_there_is_by_now() {
    let world = World::new();
    let (contact, gone) = (world.add("a@x.example"), world.add("gone@x.example"));
    let deal = world.deal("Deal");
    world.acme.contacts().update(contact, &ContactUpdate::new().email("b@x.example")).unwrap();
    world.acme.contacts().delete(gone).unwrap();
    let changes: Vec<_> = world.acme.follow(FeedPosition::START).map(Result::unwrap).collect();
    let acts: Vec<_> = changes.iter().map(|change| (change.entity_type, change.action)).collect();
    assert_eq!(
        acts,
        [
            (Kind::Contact, Action::Inserted),
            (Kind::Contact, Action::Inserted),
            (Kind::Deal, Action::Inserted),
            (Kind::Contact, Action::Updated),
            (Kind::Contact, Action::Deleted),
        ]
    );
    let emails: Vec<Option<String>> = changes
        .iter()
        .map(|change| change.record::<Contact>().unwrap().map(|contact| contact.email))
        .collect();
    let now = Some("b@x.example".to_owned());
    assert_eq!(emails, [now.clone(), None, None, now, None]);
    assert_eq!(changes[2].record::<Deal>().unwrap().map(|deal| deal.id), Some(deal));
    for change in [&changes[0], &changes[3]] {
        assert_eq!(change.record::<Deal>().unwrap(), None);
        assert_eq!(change.record::<Company>().unwrap(), None);
        assert_eq!(change.record::<User>().unwrap(), None);
    }
    assert_eq!(changes[4].clone().into_entry().entity_id, gone.as_uuid());
}

#[test]
fn a_feed_that_was_trimmed_says_so_to_whoever_is_behind_it() {
    let world = world_of(10);
    let changes: Vec<_> =
        world.acme.follow(FeedPosition::START).map(|change| change.unwrap().into_entry()).collect();
    let mut reading = world.acme.follow(FeedPosition::START);
    assert_eq!(reading.next().unwrap().unwrap().id, 1);
    world.acme.trim_changes(changes[4].changed_at).unwrap();
    let mut behind = world.acme.follow(FeedPosition::After(4));
    for error in [behind.next().unwrap().unwrap_err(), behind.wait(LONG).unwrap_err()] {
        assert_eq!((error.code(), error.oldest_change()), (Code::FeedTrimmed, Some(changes[5].changed_at)));
    }
    assert!(behind.next().is_some_and(|change| change.is_err()), "the wait has begun it anew");
    assert!(behind.next().is_none(), "a loop that passes errors over comes to an end");
    assert_eq!(behind.position(), FeedPosition::After(4));
    assert_eq!(numbers(&mut world.acme.follow(FeedPosition::After(5))), (6..=10).collect::<Vec<_>>());
    // It had read them before they were trimmed.
    assert_eq!(numbers(&mut reading), (2..=10).collect::<Vec<_>>());
}

#[test]
fn a_reader_goes_on_after_the_store_could_not_answer() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    let id: Id<Contact> = world.add("a@x.example");
    let mut feed = world.acme.follow(FeedPosition::START);
    store.fail_read(0, ReadFault::Unavailable);
    assert!(feed.next().unwrap().unwrap_err().is_unavailable());
    store.fail_read(0, ReadFault::Unavailable);
    assert!(feed.wait(LONG).unwrap_err().is_unavailable());
    let change = feed.next().unwrap().unwrap();
    assert_eq!((change.id, change.entity_id), (1, id.as_uuid()));
    store.fail_read(0, ReadFault::Unavailable);
    assert!(change.record::<Contact>().unwrap_err().is_unavailable());
    assert_eq!(change.record::<Contact>().unwrap().unwrap().id, id);
}

#[test]
fn a_reader_follows_its_own_tenant_with_the_scope_read() {
    let world = world_of(3);
    let other = tenant(&world.engine, "other");
    assert!(other.follow(FeedPosition::START).next().is_none());
    let reader = world.acme.clone().limited_to(Scope::Read);
    assert_eq!(numbers(&mut reader.follow(FeedPosition::START)), [1, 2, 3]);
    assert_eq!(world.acme.contacts().count(Query::all()).unwrap(), 1);
}
