//! Writes that are meant for no record, or for none at some versions.

use rally_core::{
    ApiKeyDraft, BantUpdate, Code, CompanyDraft, ContactUpdate, DealUpdate, Error, SettingsUpdate, StageMove,
    Timestamp, Unless, WriteOptions, WriteOutcome,
};

use crate::support::{World, ada, once};

#[track_caller]
fn is_refused<T: std::fmt::Debug>(world: &World, write: impl FnOnce() -> Result<T, Error>) {
    assert_eq!(world.refused(write).code(), Code::PreconditionFailed);
}

#[test]
fn a_record_that_exists_is_neither_changed_nor_deleted() {
    let world = World::new();
    let (id, deal) = (world.add("ada@x.example"), world.deal("Deal"));
    let key = world.acme.api_keys().mint(&ApiKeyDraft::new("k")).unwrap().model.id;
    let at = world.get(id).updated_at;
    let to = StageMove::to(world.stage("Proposal"));
    for unless in [Unless::Exists, Unless::IsAt(vec![Timestamp::MIN, at])] {
        let options = WriteOptions::default().unless(unless);
        let update = ContactUpdate::new().title("Countess");
        is_refused(&world, || world.acme.contacts().update_with(id, &update, &options));
        is_refused(&world, || world.acme.contacts().delete_with(id, &options));
        is_refused(&world, || world.acme.contacts().upsert_with(&ada("ADA@x.example").title("C"), &options));
    }
    let if_none = WriteOptions::default().unless(Unless::Exists);
    is_refused(&world, || world.acme.deals().update_with(deal, &DealUpdate::new().notes("n"), &if_none));
    is_refused(&world, || world.acme.deals().upsert_with(&world.lead("Deal").notes("n"), &if_none));
    is_refused(&world, || world.acme.deals().move_with(deal, to, &if_none));
    is_refused(&world, || world.acme.deals().move_with(deal, world.stage("Lead"), &if_none));
    is_refused(&world, || {
        world.acme.bant().update_with(deal.into(), &BantUpdate::new().notes("n"), &if_none)
    });
    is_refused(&world, || world.acme.api_keys().json().revoke(key, &if_none));
    is_refused(&world, || world.acme.change_settings_with(&SettingsUpdate::new().name("Acme"), &if_none));
    world.deal("Deal");
    is_refused(&world, || world.acme.deals().upsert_with(&world.lead("Deal").notes("n"), &if_none));
}

#[test]
fn an_update_that_would_change_nothing_is_refused_as_well() {
    let world = World::new();
    let id = world.add("ada@x.example");
    let if_none = WriteOptions::default().unless(Unless::Exists);
    is_refused(&world, || world.acme.contacts().update_with(id, &ContactUpdate::new(), &if_none));
}

#[test]
fn an_upsert_unless_there_is_a_record_creates_one_and_no_more() {
    let world = World::new();
    let if_none = WriteOptions::default().unless(Unless::Exists);
    let looms = CompanyDraft::new("Looms").domain("looms.example");
    let upsert = || world.acme.companies().upsert_with(&looms, &if_none);
    assert_eq!(upsert().unwrap().outcome, WriteOutcome::Created);
    is_refused(&world, upsert);
    let once = once("k", b"").unless(Unless::Exists);
    let acme = CompanyDraft::new("Acme").domain("acme.example");
    for replayed in [false, true] {
        let written = world.acme.companies().upsert_with(&acme, &once).unwrap();
        assert_eq!((written.outcome, written.replayed), (WriteOutcome::Created, replayed));
    }
}

#[test]
fn a_record_at_another_version_is_changed() {
    let world = World::new();
    let id = world.add("ada@x.example");
    let before = world.get(id).updated_at;
    let update = |title: &str, unless: Unless| {
        let options = WriteOptions::default().unless(unless);
        world.acme.contacts().update_with(id, &ContactUpdate::new().title(title), &options)
    };
    update("one", Unless::IsAt(vec![])).unwrap();
    update("two", Unless::IsAt(vec![before])).unwrap();
    let now = world.get(id).updated_at;
    is_refused(&world, || update("three", Unless::IsAt(vec![before, now])));
    let both = WriteOptions::default().if_version(now).unless(Unless::IsAt(vec![now]));
    is_refused(&world, || world.acme.contacts().delete_with(id, &both));
    let gone =
        world.acme.contacts().delete_with(id, &WriteOptions::default().unless(Unless::IsAt(vec![before])));
    assert_eq!(gone.unwrap().id, id);
}

#[test]
fn a_record_that_is_not_there_is_not_found() {
    let world = World::new();
    let id = world.add("ada@x.example");
    world.acme.contacts().delete(id).unwrap();
    for unless in [Unless::Exists, Unless::IsAt(vec![Timestamp::MIN])] {
        let options = WriteOptions::default().unless(unless);
        let error = world.refused(|| world.acme.contacts().delete_with(id, &options));
        assert_eq!(error.code(), Code::NotFound);
    }
}
