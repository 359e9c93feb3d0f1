//! Random batches on the store and on plain maps, and random reads that compare the two.

use std::sync::Arc;

use rally_core::{
    TenantId,
    store::{Abort, Batch, Commit, Direction, Key, KeyRange, Snapshot, Store},
};

use super::{
    Property,
    given::{
        Contents, NEIGHBOUR, SPACES, TENANT, change, contents, get, get_many, key, moment, scan, snapshot,
        space, try_write,
    },
};
use crate::Random;

pub(super) fn properties() -> Vec<Property<Arc<dyn Store>>> {
    vec![
        Property::of(random_batches_leave_what_they_leave_in_a_plain_map),
        Property::of(random_reads_answer_what_a_plain_map_does),
        Property::of(snapshots_held_through_random_batches_stay_as_they_were),
    ]
}

/// Two tenants of a store and what they should hold.
struct Pair {
    random: Random,
    models: [(TenantId, Contents); 2],
}

impl Pair {
    fn new(seed: u64) -> Self {
        let models = [(TENANT, Contents::new()), (NEIGHBOUR, Contents::new())];
        Self { random: Random::new(seed), models }
    }

    /// Writes a random batch to one of the two; one in six is refused.
    fn step(&mut self, store: &dyn Store) -> (TenantId, &mut Random, &Contents) {
        let (tenant, model) = &mut self.models[self.random.below(2)];
        let batch = random_batch(&mut self.random);
        let refused = self.random.once_in(6);
        let commit = try_write(store, *tenant, |now| {
            assert_eq!(contents(now), *model, "what build sees");
            if refused { Err(Abort::Refused) } else { Ok(batch.clone()) }
        });
        let expected = if refused { Commit::Refused } else { Commit::Applied };
        assert_eq!(commit.expect("a healthy store answers a write"), expected);
        if !refused {
            change(model, &batch);
        }
        (*tenant, &mut self.random, model)
    }
}

/// A batch of up to twelve changes whose keys lie so close together that they meet.
pub(super) fn random_batch(random: &mut Random) -> Batch {
    let mut batch = Batch::new();
    for _ in 0..random.below(13) {
        let key = random_key(random);
        if random.once_in(3) {
            batch.delete(key);
        } else {
            let length = random.below(40);
            batch.put(key, random.bytes(length));
        }
    }
    batch
}

fn random_key(random: &mut Random) -> Key {
    let mut key = key(random.one_of(&SPACES), b"");
    for _ in 0..random.below(4) {
        key = key.byte(random.one_of(&[0, 1, b'a', 0xFE, 0xFF]));
    }
    key
}

fn random_range(random: &mut Random) -> KeyRange {
    let range = KeyRange::prefix(&random_key(random));
    let range = if random.once_in(2) { space(range.start().space().0) } else { range };
    let range = if random.once_in(2) { range.from(random_key(random)) } else { range };
    if random.once_in(2) { range.until(random_key(random)) } else { range }
}

fn random_batches_leave_what_they_leave_in_a_plain_map(store: &Arc<dyn Store>) {
    let mut pair = Pair::new(1);
    for step in 0..150 {
        pair.step(&**store);
        for (tenant, model) in &pair.models {
            assert_eq!(contents(&*snapshot(&**store, *tenant)), *model, "after step {step}");
        }
    }
}

fn random_reads_answer_what_a_plain_map_does(store: &Arc<dyn Store>) {
    let mut pair = Pair::new(2);
    for _ in 0..60 {
        let (tenant, random, model) = pair.step(&**store);
        let view = snapshot(&**store, tenant);
        for _ in 0..6 {
            check_random_reads(random, &*view, model);
        }
    }
}

fn check_random_reads(random: &mut Random, view: &dyn Snapshot, model: &Contents) {
    let keys: Vec<_> = (0..random.below(10)).map(|_| random_key(random)).collect();
    let values: Vec<_> = keys.iter().map(|key| model.get(key).cloned()).collect();
    assert_eq!(get_many(view, &keys), values, "get_many of {keys:?}");
    for (key, value) in keys.iter().zip(values) {
        assert_eq!(get(view, key), value, "get of {key:?}");
    }
    let range = random_range(random);
    let limit = random.below(12);
    let mut inside: Vec<_> = model.iter().filter(|(key, _)| is_within(key, &range)).collect();
    for direction in [Direction::Forward, Direction::Backward] {
        let expected: Vec<_> =
            inside.iter().take(limit).map(|(key, value)| ((*key).clone(), (*value).clone())).collect();
        assert_eq!(
            scan(view, &range, direction, limit),
            expected,
            "{direction:?} scan of {range:?} up to {limit}"
        );
        inside.reverse();
    }
}

fn is_within(key: &Key, range: &KeyRange) -> bool {
    let before_the_end = range.end().map_or(key.space() == range.start().space(), |end| key < end);
    range.start() <= key && before_the_end
}

fn snapshots_held_through_random_batches_stay_as_they_were(store: &Arc<dyn Store>) {
    let mut pair = Pair::new(3);
    let mut held = Vec::new();
    for _ in 0..60 {
        let (tenant, _, model) = pair.step(&**store);
        held.push((moment(&**store, tenant), model.clone()));
    }
    for (moment, (view, model)) in held.iter().enumerate() {
        assert_eq!(contents(&**view), *model, "the snapshot after step {moment}");
    }
}
