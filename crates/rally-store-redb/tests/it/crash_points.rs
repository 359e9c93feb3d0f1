//! The power fails at random moments of random writes and folds. `RALLY_CRASH_POINTS` says how often; the README has the
//! command for many.

use std::{collections::BTreeMap, env};

use rally_core::store::{Batch, Commit, Direction, Key, KeyRange, Space, Store};
use rally_store_redb::{Durability, Folding, Options, RedbStore};

use crate::{
    crash_backend::{CrashDisk, Image},
    support::{Random, options, tenant},
};

/// The points of a run of all tests.
const POINTS: usize = 400;
const TENANTS: u64 = 3;
const WRITES: u64 = 40;
/// The points that are tried of one run, at most, so that there are many runs.
const MOST_POINTS: usize = 50;

type Rows = BTreeMap<Key, Vec<u8>>;

/// The rows of a tenant after each of its writes.
#[derive(Default)]
struct History(Vec<Rows>);

impl History {
    fn last(&self) -> Rows {
        self.0.last().cloned().unwrap_or_default()
    }

    /// Makes the next write, and gives its batch.
    fn write(&mut self, random: &mut Random) -> Batch {
        let mut rows = self.last();
        let mut batch = Batch::new();
        for _ in 0..1 + random.below(8) {
            let key = Key::new(Space(2)).number(random.below(40));
            if random.below(4) == 0 {
                batch.delete(key.clone());
                rows.remove(&key);
            } else {
                // Some batches are too large for the journal.
                let bytes = if random.below(30) == 0 { 9000 } else { random.below(900) };
                let value = vec![u8::try_from(random.below(256)).unwrap(); usize::try_from(bytes).unwrap()];
                batch.put(key.clone(), value.clone());
                rows.insert(key, value);
            }
        }
        let number = self.0.len().to_string().into_bytes();
        batch.put(number_key(), number.clone());
        rows.insert(number_key(), number);
        self.0.push(rows);
        batch
    }
}

/// The key under which each tenant has the number of its last write.
fn number_key() -> Key {
    Key::new(Space(1))
}

fn rows(store: &dyn Store, of: u64) -> Rows {
    let snapshot = store.snapshot(tenant(of.into())).unwrap();
    let spaces = (1..=2).map(|space| KeyRange::prefix(&Key::new(Space(space))));
    let entries = spaces.flat_map(|range| snapshot.scan(&range, Direction::Forward, usize::MAX).unwrap());
    entries.map(|entry| (entry.key, entry.value.to_vec())).collect()
}

/// A mark for a write of a tenant.
fn mark(of: u64, number: usize) -> u64 {
    of << 32 | u64::try_from(number).unwrap()
}

/// Writes and folds at random; every acknowledged write is marked on the disk.
fn work(disk: &CrashDisk, options: &Options, random: &mut Random) -> Vec<History> {
    let store = RedbStore::with_backend(disk.backend(), options.clone()).unwrap();
    let mut histories: Vec<History> = (0..TENANTS).map(|_| History::default()).collect();
    for _ in 0..WRITES {
        let of = random.below(TENANTS);
        let history = &mut histories[usize::try_from(of).unwrap()];
        let batch = history.write(random);
        assert_eq!(store.write(tenant(of.into()), &mut |_| Ok(batch.clone())).unwrap(), Commit::Applied);
        disk.acknowledge(mark(of, history.0.len()));
        if random.below(6) == 0 {
            store.fold().unwrap();
        }
    }
    histories
}

fn check(image: &Image, options: &Options, histories: &[History]) {
    let disk = CrashDisk::from_image(&image.bytes);
    let store = RedbStore::with_backend(disk.backend(), options.clone())
        .unwrap_or_else(|error| panic!("{}: {error}: {error:?}", image.story));
    let found: Vec<_> = (0..TENANTS).map(|of| rows(&store, of)).collect();
    for ((of, history), found) in (0..).zip(histories).zip(&found) {
        let writes = found
            .get(&number_key())
            .map_or(0, |text| std::str::from_utf8(text).unwrap().parse::<usize>().unwrap() + 1);
        let owed = image.acknowledged.iter().filter(|mark| *mark >> 32 == of).max();
        let owed = owed.map_or(0, |mark| usize::try_from(mark & u64::from(u32::MAX)).unwrap());
        assert!(writes >= owed, "{}: {owed} writes were acknowledged, {writes} are there", image.story);
        let expected = writes.checked_sub(1).map(|last| history.0[last].clone()).unwrap_or_default();
        assert!(*found == expected, "{}: tenant {of} is not as write {writes} left it", image.story);
    }
    // What was read from the journal is the same in the tree, and the store goes on.
    store.fold().unwrap();
    assert!(
        (0..TENANTS).map(|of| rows(&store, of)).eq(found),
        "{}: a fold has changed something",
        image.story
    );
    let mut batch = Batch::new();
    batch.put(number_key(), "more");
    assert_eq!(store.write(tenant(0), &mut |_| Ok(batch.clone())).unwrap(), Commit::Applied);
    drop(store);
    let again = RedbStore::with_backend(disk.backend(), options.clone()).unwrap();
    assert_eq!(rows(&again, 0).get(&number_key()).map(Vec::as_slice), Some(&b"more"[..]));
}

/// Tries points of one run, and gives their number.
fn run(seed: u64, most: usize) -> usize {
    let mut random = Random::new(seed);
    let durability = if seed.is_multiple_of(3) { Durability::Strict } else { Durability::Standard };
    let folding = if seed.is_multiple_of(2) { Folding::Background } else { Folding::Host };
    let options = Options { durability, folding, cache_bytes: 1 << 20, ..options() };
    let fresh = CrashDisk::new();
    drop(RedbStore::with_backend(fresh.backend(), options.clone()).unwrap());
    let disk = CrashDisk::from_image(&fresh.synced_image());
    let histories = work(&disk, &options, &mut random);
    let mut images = 0;
    disk.visit_images(seed, |_| images += 1);
    // Spread over the run, each run with another beginning.
    let step = u64::try_from(images / most + 1).unwrap();
    let (mut next, mut index, mut points) = (random.below(step), 0, 0);
    disk.visit_images(seed, |image| {
        if index == next {
            let story = format!("seed {seed}, {}", image.story);
            check(&Image { story, ..image }, &options, &histories);
            next += step;
            points += 1;
        }
        index += 1;
    });
    points
}

#[test]
fn no_crash_at_a_random_point_loses_or_tears_anything() {
    let wanted = env::var("RALLY_CRASH_POINTS").map_or(POINTS, |text| text.parse().expect("a number"));
    let mut points = 0;
    for seed in 1.. {
        points += run(seed, MOST_POINTS);
        if points >= wanted {
            break;
        }
    }
    println!("{points} points");
}
