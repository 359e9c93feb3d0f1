//! Drafts and updates of hosts: what they set, what they clear, and what they say nothing of.

use rally_core::{ContactUpdate, LifecycleStage, Patch, Tags, WriteOutcome};

use crate::{
    contacts::full,
    support::{World, ada, told},
};

#[test]
fn a_typed_update_sets_clears_and_keeps() {
    let world = World::new();
    let contacts = world.acme.contacts();
    let draft = full();
    let clear = ContactUpdate::new().phone(Patch::Clear).lifecycle_stage(Patch::Clear).tags(Patch::Clear);
    let none = ContactUpdate::new().phone(None).lifecycle_stage(None).tags(None);
    for update in [clear, none] {
        let before = contacts.create(&draft).unwrap();
        world.clock.advance(1_000_000);
        let after = contacts.update(before.id, &update.city("Paris").mobile(Patch::Keep)).unwrap();
        let mut expected = before.clone();
        expected.phone = None;
        expected.city = Some("Paris".to_owned());
        expected.lifecycle_stage = LifecycleStage::Lead;
        expected.tags = Tags::default();
        expected.updated_at = after.updated_at;
        assert!(before.updated_at < after.updated_at);
        assert_eq!(after, expected);
        let error = world.refused(|| contacts.update(before.id, &ContactUpdate::new().first_name(" ")));
        assert_eq!(told(&error), ("validation", vec!["firstName must not be empty".into()]));
        contacts.delete(before.id).unwrap();
    }
}

#[test]
fn the_last_that_is_said_of_a_member_counts() {
    let world = World::new();
    let contacts = world.acme.contacts();
    let draft = ada("a@x.example").phone("1").phone("2").city("Paris").city(Patch::Keep);
    let contact = contacts.create(&draft).unwrap();
    assert_eq!((contact.phone.as_deref(), contact.city), (Some("2"), None));
    let update = ContactUpdate::new().phone("3").phone(None);
    assert_eq!(contacts.update(contact.id, &update).unwrap().phone, None);
}

#[test]
fn an_upsert_leaves_what_the_draft_says_nothing_of() {
    let world = World::new();
    let contacts = world.acme.contacts();
    let bare = ada("ada@x.example");
    let scored = bare.clone().lead_score(7);
    let contact = contacts.create(&scored).unwrap();
    let update = ContactUpdate::new().lead_score(Patch::Clear).city("London");
    let contact = contacts.update(contact.id, &update).unwrap();
    assert_eq!((contact.lead_score, contact.city.as_deref()), (None, Some("London")));
    assert_eq!(contact.first_name, "Ada");
    assert_eq!(contacts.upsert(&scored).unwrap().record.lead_score, Some(7));
    assert_eq!(contacts.upsert(&bare).unwrap().outcome, WriteOutcome::Unchanged);
    let cleared = contacts.upsert(&bare.lead_score(None)).unwrap().record;
    assert_eq!((cleared.lead_score, cleared.city.as_deref()), (None, Some("London")));
}
