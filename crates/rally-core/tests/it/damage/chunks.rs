//! Damaged rows of sets of record numbers, and of names in the order of records.

use rally_core::{Atomicity, Contact, ContactDraft, Kind, LifecycleStage, Query, store::Key};

use super::{Damaged, GONE_COUNT, INDEX, is_corrupt, is_damage, refused, whole};
use crate::support::ada;

const NAMES: u8 = 0x17;

/// A world in which one part of the list of contacts is whole, so that their names stand together.
fn with_names() -> Damaged {
    let damaged = Damaged::new();
    for first in (0..1_100).step_by(100) {
        let draft = |number: u32| ContactDraft::new("Ada", "Lovelace", format!("ada{number}@x.example"));
        let drafts: Vec<ContactDraft> = (first..first + 100).map(draft).collect();
        damaged.world.acme.contacts().create_many(&drafts, Atomicity::AllOrNothing).unwrap();
    }
    damaged
}

/// Puts a row in another place, given by the last four bytes of its key.
fn put_away(damaged: &Damaged, key: &Key, place: [u8; 4]) {
    let (front, _) = key.as_bytes().split_last_chunk::<4>().unwrap();
    let moved = Key::from_bytes(&[front, &place[..]].concat()).unwrap();
    damaged.put(&moved, &damaged.value(key));
    damaged.change(|batch| batch.delete(key.clone()));
}

#[test]
fn a_chunk_that_no_record_could_be_in_is_told() {
    let damaged = Damaged::new();
    let contacts = damaged.world.acme.contacts();
    contacts.create(&ada("a@x.example").tags(["x"])).unwrap();
    for key in damaged.keys(INDEX, Some(Kind::Contact)) {
        put_away(&damaged, &key, [0x40, 0, 0, 0]);
    }
    is_corrupt(contacts.list(Contact::TAG.is("x")));
    is_corrupt(contacts.count(Contact::TAG.is("x")));
}

#[test]
fn a_count_of_numbers_that_no_record_has_is_told() {
    let damaged = Damaged::new();
    let contacts = damaged.world.acme.contacts();
    let id = damaged.world.add("a@x.example");
    damaged.world.add("b@x.example");
    damaged.world.add("c@x.example");
    contacts.delete(id).unwrap();
    for key in damaged.keys(GONE_COUNT, Some(Kind::Contact)) {
        put_away(&damaged, &key, [0xFF; 4]);
    }
    is_corrupt(contacts.list(Query::all().offset(1)));
}

#[test]
fn names_that_cannot_be_read_are_told_by_reading_and_by_writing() {
    for value in [
        &b""[..],
        &[12],
        &[12, 1],
        &[12, 2],
        &[12, 1, 0],
        &[12, 1, 1, 0, 1, 0, 0, 0],
        &[12, 1, 0, 2, 1, 0, b'd', b'a', 0, 4],
        &[10, 1, 0, 0],
    ] {
        let damaged = with_names();
        let contacts = damaged.world.acme.contacts();
        for key in damaged.keys(NAMES, Some(Kind::Contact)) {
            damaged.put(&key, value);
        }
        let query = || Query::all().search("ada");
        let view = damaged.world.acme.view().unwrap();
        is_damage(contacts.list(query()));
        is_damage(contacts.count(query().filter(Contact::LIFECYCLE_STAGE.is(LifecycleStage::Lead))));
        is_damage(view.contacts().all(query()).and_then(whole));
        let first = contacts.list(Query::all().limit(1)).unwrap().records[0].id;
        refused(&damaged, || contacts.delete(first));
    }
    let damaged = with_names();
    for key in damaged.keys(NAMES, Some(Kind::Contact)) {
        put_away(&damaged, &key, [0x40, 0, 0, 0]);
    }
    is_corrupt(damaged.world.acme.contacts().list(Query::all().search("ada")));
}
