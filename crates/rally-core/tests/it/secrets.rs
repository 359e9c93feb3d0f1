//! The secrets that tokens are signed with.

use std::sync::Arc;

use rally_core::{
    Config, Engine, Environment, TenantId, limits,
    schema::SigningSecret,
    store::{MemoryStore, Store},
};
use rally_testkit::{FaultyStore, FixedClock, SeededEntropy, SharedStore, WriteFault};
use uuid::Uuid;

use crate::support::World;

const TOKEN_MICROS: i64 = limits::TOKEN_SECONDS * 1_000_000;

/// A server of a store.
fn server(store: &Arc<dyn Store>, clock: &FixedClock, seed: u64) -> Engine {
    let entropy = Arc::new(SeededEntropy::new(seed));
    let environment = Environment { clock: Arc::new(clock.clone()), entropy };
    Engine::with(Arc::clone(store), environment, Config::default())
}

fn shared() -> (Arc<dyn Store>, FixedClock) {
    (Arc::new(SharedStore::new(Arc::new(MemoryStore::new()))), FixedClock::default())
}

/// The ids of the secrets, in their order.
fn ids(engine: &Engine) -> Vec<Uuid> {
    engine.signing_secrets().unwrap().iter().map(SigningSecret::id).collect()
}

#[test]
fn the_first_is_made_when_it_is_first_needed_and_then_stays() {
    let world = World::new();
    let made = world.engine.signing_secrets().unwrap();
    assert_eq!(made.len(), 1);
    let stored = world.stored(TenantId::DIRECTORY);
    world.clock.advance(100 * TOKEN_MICROS);
    assert_eq!(world.engine.signing_secrets().unwrap(), made);
    assert!(world.stored(TenantId::DIRECTORY) == stored, "asking writes nothing");
}

#[test]
fn all_servers_of_a_store_have_the_same() {
    let (store, clock) = shared();
    let (here, there) = (server(&store, &clock, 1), server(&store, &clock, 2));
    let first = here.signing_secrets().unwrap();
    assert_eq!(there.signing_secrets().unwrap(), first);
    let second = there.rotate_signing_secret().unwrap();
    assert_eq!(here.signing_secrets().unwrap(), [vec![second], first].concat());
    let elsewhere = server(&shared().0, &clock, 3);
    assert!(elsewhere.signing_secrets().unwrap()[0].key() != here.signing_secrets().unwrap()[0].key());
}

#[test]
fn servers_that_make_the_first_at_once_agree() {
    for seed in (0..400).step_by(8) {
        let (store, clock) = shared();
        let all: Vec<Engine> = (seed..seed + 8).map(|seed| server(&store, &clock, seed)).collect();
        let made = std::thread::scope(|scope| {
            let threads: Vec<_> = all.iter().map(|engine| scope.spawn(|| ids(engine))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(made[0].len() == 1 && made.iter().all(|ids| *ids == made[0]), "{made:?}");
    }
}

#[test]
fn servers_that_rotate_at_once_lose_no_secret() {
    let (store, clock) = shared();
    let all: Vec<Engine> = (0..8).map(|seed| server(&store, &clock, seed)).collect();
    let first = ids(&all[0]);
    let mut made: Vec<Uuid> = std::thread::scope(|scope| {
        let rotate = |engine: &Engine| engine.rotate_signing_secret().unwrap().id();
        let threads: Vec<_> = all.iter().map(|engine| scope.spawn(move || rotate(engine))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    made.extend(first);
    let mut known = ids(&all[0]);
    made.sort_unstable();
    known.sort_unstable();
    assert_eq!(known, made);
}

#[test]
fn one_that_was_replaced_is_taken_for_as_long_as_its_tokens_last() {
    let world = World::new();
    let engine = &world.engine;
    let old = ids(engine);
    // It signs for long before it is replaced.
    world.clock.advance(30 * TOKEN_MICROS);
    let new = engine.rotate_signing_secret().unwrap().id();
    for (micros, expected) in
        [(0, vec![new, old[0]]), (TOKEN_MICROS, vec![new, old[0]]), (1, vec![new]), (TOKEN_MICROS, vec![new])]
    {
        world.clock.advance(micros);
        assert_eq!(ids(engine), expected);
    }
    let third = engine.rotate_signing_secret().unwrap().id();
    world.clock.advance(TOKEN_MICROS / 2);
    let fourth = engine.rotate_signing_secret().unwrap().id();
    assert_eq!(ids(engine), [fourth, third, new]);
    world.clock.advance(TOKEN_MICROS / 2 + 1);
    assert_eq!(ids(engine), [fourth, third]);
}

#[test]
fn one_that_is_made_in_place_of_all_is_the_only_one() {
    let (store, clock) = shared();
    let (here, there) = (server(&store, &clock, 1), server(&store, &clock, 2));
    here.signing_secrets().unwrap();
    let old = [here.rotate_signing_secret().unwrap(), there.rotate_signing_secret().unwrap()];
    let only = here.replace_signing_secrets().unwrap();
    for engine in [&here, &there] {
        assert_eq!(ids(engine), [only.id()]);
    }
    let world = World::on(store);
    let stored = world.stored(TenantId::DIRECTORY);
    let is_kept = |key: &[u8; 32]| stored.iter().any(|entry| entry.value.windows(32).any(|part| part == key));
    assert!(is_kept(only.key()) && !old.iter().any(|secret| is_kept(secret.key())));
}

#[test]
fn those_that_are_gone_are_no_longer_kept() {
    let world = World::new();
    let old = world.engine.signing_secrets().unwrap().remove(0);
    let is_kept = || {
        let stored = world.stored(TenantId::DIRECTORY);
        stored.iter().any(|entry| entry.value.windows(32).any(|part| part == old.key()))
    };
    world.engine.rotate_signing_secret().unwrap();
    assert!(is_kept());
    world.clock.advance(TOKEN_MICROS + 1);
    world.engine.rotate_signing_secret().unwrap();
    assert!(!is_kept());
}

#[test]
fn a_secret_that_could_not_be_kept_is_never_used() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    for fault in [WriteFault::Unavailable, WriteFault::CommitLost] {
        store.fail_write(0, fault);
        assert!(world.engine.signing_secrets().is_err(), "{fault:?}");
        store.heal();
    }
    store.fail_write(0, WriteFault::BuiltTwice);
    let first = ids(&world.engine);
    assert_eq!(ids(&world.engine), first);
    store.fail_write(0, WriteFault::BuiltTwice);
    let second = world.engine.rotate_signing_secret().unwrap().id();
    assert_eq!(ids(&world.engine), [vec![second], first].concat());
}

#[test]
fn a_secret_does_not_show_its_key() {
    let world = World::new();
    let secret = world.engine.signing_secrets().unwrap().remove(0);
    assert_eq!(format!("{secret:?}"), format!("SigningSecret {{ id: {}, .. }}", secret.id()));
    let hexadecimal: String = secret.key().iter().map(|byte| format!("{byte:02x}")).collect();
    let shown = format!("{:?} {:#?}", world.engine, world.engine);
    assert!(!shown.contains(&format!("{:?}", secret.key())) && !shown.contains(&hexadecimal));
}
