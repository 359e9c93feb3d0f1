//! A database that fails over: of its last commits some may be lost, and readers of the feed are told where they are.

use std::sync::Arc;

use rally_core::{
    Clock, Code, CompanyDraft, FeedEpoch, FeedPage, FeedPosition, FeedQuery, Kind, TenantDraft, TenantId,
    Timestamp, limits,
    store::{Entry, MemoryStore},
};
use rally_testkit::{FailoverStore, FaultyStore, WriteFault, check_consistency};

use crate::support::World;

/// A tenant on a store that can fail over.
struct Given {
    store: Arc<FailoverStore>,
    world: World,
}

/// A reader of the feed at a position, by number or by instant, that may name the epoch of it.
type Reader = (FeedPosition, Option<FeedEpoch>);

impl Given {
    fn new() -> Self {
        let store = Arc::new(FailoverStore::new(Arc::new(MemoryStore::new())));
        Self { world: World::on(Arc::<FailoverStore>::clone(&store)), store }
    }

    fn tenant(&self) -> TenantId {
        self.world.acme.tenant().id
    }

    /// Creates so many companies, and answers the position behind the last one.
    fn create(&self, count: usize) -> (u64, Timestamp) {
        for _ in 0..count {
            self.world.clock.advance(1_000);
            let name = format!("Company {}", self.world.clock.now());
            self.world.acme.companies().create(&CompanyDraft::new(name)).unwrap();
        }
        self.world.acme.last_change().unwrap()
    }

    fn kept(&self) -> Vec<Entry> {
        self.store.rows(self.tenant())
    }

    fn lose(&self, kept: Vec<Entry>) {
        self.store.fail_over(&[(self.tenant(), kept)]);
    }

    fn epoch(&self) -> FeedEpoch {
        self.world.acme.view().unwrap().feed_epoch().unwrap()
    }

    fn read(&self, (from, epoch): Reader) -> Result<FeedPage, Code> {
        let query = FeedQuery { from, kinds: Kind::IN_FEED.to_vec(), limit: 1_000, epoch };
        self.world.acme.feed(&query).map_err(|error| error.code())
    }

    /// The numbers behind a reader.
    fn numbers(&self, reader: Reader) -> Vec<u64> {
        self.read(reader).unwrap().changes.iter().map(|change| change.id).collect()
    }

    fn is_told(&self, reader: Reader) -> bool {
        match self.read(reader) {
            Ok(_) => false,
            Err(code) => {
                assert_eq!(code, Code::FeedReset);
                true
            }
        }
    }
}

#[test]
fn readers_of_changes_that_are_lost_are_told_before_and_after_the_next_change() {
    let given = Given::new();
    let (last, last_at) = given.create(3);
    let (before, kept) = (given.epoch(), given.kept());
    let (lost, lost_at) = given.create(2);
    given.lose(kept);
    for has_gone_on in [false, true] {
        if has_gone_on {
            given.create(1);
        }
        assert_eq!(given.epoch() != before, has_gone_on);
        for (from, by_name, without) in [
            (FeedPosition::After(lost), true, true),
            (FeedPosition::After(last + 1), true, true),
            (FeedPosition::Since(lost_at), true, false),
            (FeedPosition::After(last), false, false),
            (FeedPosition::Since(last_at), false, false),
            (FeedPosition::START, false, false),
            (FeedPosition::After(limits::FEED_END), has_gone_on, false),
            (FeedPosition::Since(Timestamp::MIN), false, false),
        ] {
            let told = (given.is_told((from, Some(before))), given.is_told((from, None)));
            assert_eq!(told, (by_name, without), "{from:?}, gone on: {has_gone_on}");
        }
    }
}

#[test]
fn what_comes_after_a_failover_is_behind_all_that_was_told_before() {
    let given = Given::new();
    let (last, last_at) = given.create(3);
    let (before, kept) = (given.epoch(), given.kept());
    // More than a block of marks.
    let (lost, lost_at) = given.create(70);
    given.lose(kept);
    let (first, first_at) = given.create(1);
    assert!(first > lost && first_at > lost_at, "{first} at {first_at}, {lost} at {lost_at}");
    let new: Vec<u64> = (first..first + 200).collect();
    given.create(199);
    for reader in [(FeedPosition::After(last), Some(before)), (FeedPosition::Since(last_at), Some(before))] {
        assert_eq!(given.numbers(reader), new, "{reader:?}");
    }
    assert_eq!(
        given.numbers((FeedPosition::Since(lost_at), None)),
        new,
        "a reader by instants misses nothing new"
    );
    let page = given.read((FeedPosition::After(first), Some(given.epoch()))).unwrap();
    assert_eq!(page.epoch, given.epoch());
    for (place, change) in page.changes.iter().enumerate() {
        assert_eq!(
            given.numbers((FeedPosition::After(change.id), None)),
            new[place + 2..],
            "behind {}",
            change.id
        );
    }
    check_consistency(&given.world.acme);
}

#[test]
fn a_failover_that_loses_nothing_disturbs_nobody() {
    let given = Given::new();
    let reader = (FeedPosition::After(given.create(3).0), Some(given.epoch()));
    given.lose(given.kept());
    assert!(given.numbers(reader).is_empty());
    let next = given.create(2).0;
    assert_eq!(given.numbers(reader), [next - 1, next]);
    // Nor do writes that change nothing, of which there was one more.
    let after = given.create(0);
    given.lose(given.kept());
    given.world.acme.trim_changes(Timestamp::MIN).unwrap();
    assert_eq!(given.create(0), after);
}

#[test]
fn readers_are_told_of_each_of_several_failovers() {
    let given = Given::new();
    let mut readers = Vec::new();
    for _ in 0..3 {
        let kept_last = given.create(2).0;
        let (epoch, kept) = (given.epoch(), given.kept());
        readers.push((kept_last, epoch, given.create(2).0));
        given.lose(kept);
    }
    given.create(1);
    for (kept, epoch, lost) in readers {
        let told = |number| given.is_told((FeedPosition::After(number), Some(epoch)));
        assert!(told(lost) && told(lost - 1) && !told(kept) && !told(kept - 1), "{kept} to {lost}");
        assert!(given.is_told((FeedPosition::After(lost), None)));
    }
    check_consistency(&given.world.acme);
}

#[test]
fn readers_before_more_failovers_than_are_told_apart_are_told_rather_than_not() {
    let given = Given::new();
    let first = (given.create(2).0, given.epoch());
    let mut lost = Vec::new();
    for _ in 0..=limits::FEED_BREAKS {
        let kept = given.kept();
        lost.push(given.create(1).0);
        given.lose(kept);
        given.create(1);
    }
    assert!(given.is_told((FeedPosition::After(first.0), Some(first.1))), "its epoch is forgotten");
    assert!(!given.is_told((FeedPosition::After(first.0), None)), "and it has read nothing that is lost");
    assert!(lost.iter().all(|number| given.is_told((FeedPosition::After(*number), None))));
    check_consistency(&given.world.acme);
}

#[test]
fn a_tenant_whose_first_changes_were_lost_does_not_give_their_numbers_again() {
    let store = Arc::new(FailoverStore::new(Arc::new(MemoryStore::new())));
    let faulty = Arc::new(FaultyStore::new(Arc::<FailoverStore>::clone(&store)));
    let world = World::on(Arc::<FaultyStore>::clone(&faulty));
    // The tenant is in the directory; its first own row comes with another server.
    faulty.fail_write(1, WriteFault::Unavailable);
    let tenant = world.engine.create_tenant(&TenantDraft::new("looms")).unwrap().id;
    let kept = store.rows(TenantId::DIRECTORY);
    let looms = || {
        let looms = world.engine.tenant("looms").unwrap().trusted_session("test").unwrap();
        looms.companies().create(&CompanyDraft::new("Looms")).unwrap();
        looms
    };
    let lost = looms().last_change().unwrap();
    store.fail_over(&[(TenantId::DIRECTORY, kept), (tenant, Vec::new())]);
    world.clock.advance(2_000_000);
    let looms = looms();
    let (number, at) = looms.last_change().unwrap();
    assert!(number > lost.0 && at > lost.1, "{number} at {at}, {lost:?}");
    let from = FeedPosition::After(lost.0);
    let query = FeedQuery { from, kinds: vec![Kind::Company], limit: 1, epoch: None };
    assert_eq!(looms.feed(&query).unwrap_err().code(), Code::FeedReset);
}
