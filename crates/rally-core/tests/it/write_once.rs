//! Transactions that happen once for a key.

use std::sync::Arc;

use rally_core::{
    Code, CompanyDraft, Contact, Error, Id, IdempotencyKey, Query, WriteOptions, limits, store::MemoryStore,
};
use rally_testkit::{FaultyStore, WriteFault};

use crate::support::{World, ada, once};

fn key(content: &str) -> IdempotencyKey {
    IdempotencyKey::new("order-7", &[content.as_bytes()]).unwrap()
}

#[test]
fn a_transaction_under_a_key_is_answered_again_without_running() {
    let world = World::new();
    let mut runs = 0;
    let mut order = || {
        world.acme.write_once(&key("looms"), |tx| {
            runs += 1;
            let company = tx.companies().create(&CompanyDraft::new("Looms"))?;
            Ok((company.id, company.name, vec![Some(runs), None]))
        })
    };
    let first = order().unwrap();
    assert_eq!(world.without_trace(&mut order).unwrap(), first);
    assert_eq!((first.1.as_str(), first.2, runs), ("Looms", vec![Some(1), None], 1));
    let record =
        world.acme.write_once(&IdempotencyKey::new("whole", &[]).unwrap(), |tx| tx.companies().get(first.0));
    assert_eq!(record.unwrap(), world.acme.companies().get(first.0).unwrap());
    world.acme.write_once(&IdempotencyKey::new("nothing", &[]).unwrap(), |_| Ok(())).unwrap();
}

#[test]
fn a_key_that_was_used_for_something_else_is_a_mismatch() {
    let world = World::new();
    let looms = CompanyDraft::new("Looms");
    let made = world.acme.write_once(&key("looms"), |tx| Ok(tx.companies().create(&looms)?.id)).unwrap();
    let run =
        |key: &IdempotencyKey| world.acme.write_once(key, |_| -> Result<(), Error> { panic!("it ran") });
    let options = WriteOptions::default().once(key("looms"));
    for error in [
        world.refused(|| run(&key("mills"))),
        world.refused(|| world.acme.companies().create_with(&looms, &options)),
        world.refused(|| world.acme.companies().delete_with(made, &options)),
    ] {
        assert_eq!(error.code(), Code::IdempotencyMismatch);
    }
    world.acme.contacts().create_with(&ada("a@x.example"), &once("verb", b"content")).unwrap();
    let of_verb = IdempotencyKey::new("verb", &[b"content"]).unwrap();
    assert_eq!(world.refused(|| run(&of_verb)).code(), Code::IdempotencyMismatch);
}

#[test]
fn a_transaction_that_was_refused_is_not_kept_and_may_be_mended() {
    let world = World::new();
    let refused = world.refused(|| {
        world.acme.write_once(&key("looms"), |tx| {
            tx.companies().create(&CompanyDraft::new("Looms"))?;
            Err::<Id<Contact>, _>(Error::new(Code::Conflict, "given up"))
        })
    });
    assert_eq!(refused.detail(), "given up");
    let mended =
        || world.acme.write_once(&key("mills"), |tx| Ok(tx.contacts().create(&ada("a@x.example"))?.id));
    let first = mended().unwrap();
    assert_eq!(mended().unwrap(), first);
}

#[test]
fn a_key_is_kept_with_the_transaction_or_not_at_all() {
    for fault in WriteFault::ALL {
        let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
        let world = World::on(store.clone());
        let order =
            || world.acme.write_once(&key("a"), |tx| Ok(tx.contacts().create(&ada("a@x.example"))?.id));
        store.fail_write(0, fault);
        let first = order();
        store.heal();
        let again = order().unwrap();
        assert!(first.is_err() || first.is_ok_and(|first| first == again), "{fault:?}");
        assert_eq!(world.acme.contacts().list(Query::all()).unwrap().records[0].id, again, "{fault:?}");
        assert_eq!(world.acme.contacts().count(Query::all()).unwrap(), 1, "{fault:?}");
    }
}

#[test]
fn a_key_is_forgotten_after_a_day() {
    let world = World::new();
    let mut runs = 0;
    let mut order = |world: &World| {
        world.acme.write_once(&key("a"), |_| {
            runs += 1;
            Ok(runs)
        })
    };
    let day = limits::IDEMPOTENCY_HOURS * 3_600 * 1_000_000;
    assert_eq!(order(&world).unwrap(), 1);
    world.clock.advance(day - 1);
    assert_eq!(order(&world).unwrap(), 1);
    world.clock.advance(1);
    assert_eq!(order(&world).unwrap(), 2);
}
