//! The promises of a tenant's file, which comes in on any store as it went out of any other.

use std::{collections::BTreeMap, io::Cursor, sync::Arc};

use rally_core::{
    ApiKeyDraft, Code, CompanyDraft, Config, Contact, ContactDraft, ContactUpdate, Engine, Error, Event,
    FeedEntry, FeedPosition, Kind, Query, Scope, Session, TenantDraft, TenantFile, TenantId, TenantImport,
    TenantParts, UserDraft, WebhookDraft,
    store::{Direction, Entry, Key, KeyRange, MemoryStore, Space, Store},
};

use super::{
    Property,
    engine::tenant,
    files,
    threads::{Task, all_at_once},
};
use crate::{
    FaultyStore, Random, WriteFault, check_consistency, environment,
    resources::{self, Asked, kinds},
};

pub(super) fn properties() -> Vec<Property<Arc<dyn Store>>> {
    vec![
        Property::of(a_tenant_comes_in_elsewhere_as_it_went_out),
        Property::of(a_tenant_comes_in_beside_itself_under_another_name),
        Property::of(what_is_not_asked_for_stays_out),
        Property::of(a_tenant_goes_out_at_one_moment_while_others_write),
        Property::of(an_import_that_stopped_is_seen_by_nobody_and_made_good_by_the_next),
        Property::of(of_two_imports_at_once_one_is_there_whole),
    ]
}

pub(super) fn engine(store: Arc<dyn Store>, seed: u64) -> Engine {
    let (environment, clock) = environment(seed);
    // Later than all that the other engine has done.
    clock.advance(3_600_000_000);
    Engine::with(store, environment, Config::default())
}

fn memory(seed: u64) -> (Arc<dyn Store>, Engine) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    (Arc::clone(&store), engine(store, seed))
}

pub(super) fn session(engine: &Engine, slug: &str) -> Session {
    engine.tenant(slug).and_then(|tenant| tenant.trusted_session("property")).expect("the tenant is there")
}

/// A tenant with something of everything, whose key opens it.
pub(super) fn filled(store: &Arc<dyn Store>) -> (Session, String) {
    let acme = tenant(Arc::clone(store));
    let hook = WebhookDraft::new("hook", "https://x.example/hook", [Event::All]);
    acme.webhooks().create(&hook).expect("a good draft");
    files::fill(&acme, &mut Random::new(3)).expect("good drafts");
    let contacts = acme.contacts().list(Query::all()).expect("a list").records;
    for contact in contacts.iter().step_by(3) {
        let update = ContactUpdate::new().title("Dr.").tags(["x", "y"]);
        acme.contacts().update(contact.id, &update).expect("a good update");
    }
    for contact in contacts.iter().step_by(7) {
        acme.contacts().delete(contact.id).expect("she is there");
    }
    let key =
        acme.api_keys().mint(&ApiKeyDraft::new("robot").scopes(Scope::Write)).expect("a good draft").key;
    (acme, key)
}

fn exported(session: &Session, parts: TenantParts) -> (Vec<u8>, TenantFile) {
    let mut file = Vec::new();
    let told = session.engine().export_tenant(&session.tenant().slug, &mut file, parts);
    (file, told.expect("the store is well"))
}

/// All rows of a tenant that do not belong to the store that it is in.
pub(super) fn rows(store: &dyn Store, tenant: TenantId) -> Vec<Entry> {
    let snapshot = store.snapshot(tenant).expect("the store is well");
    let (rate, incarnation) = (0x05, 0x0C);
    let spaces = (0..=u8::MAX).filter(|space| ![rate, incarnation].contains(space));
    spaces
        .flat_map(|space| {
            let range = KeyRange::prefix(&Key::new(Space(space)));
            snapshot.scan(&range, Direction::Forward, usize::MAX).expect("the store is well")
        })
        .collect()
}

fn a_tenant_comes_in_elsewhere_as_it_went_out(store: &Arc<dyn Store>) {
    let (acme, key) = filled(store);
    let (file, told) = exported(&acme, TenantParts::ALL);
    let (elsewhere, engine) = memory(2);
    let imported =
        engine.import_tenant(Cursor::new(&file), &TenantImport::new().moved()).expect("a whole file");
    assert_eq!(imported.file, told);
    assert!(imported.keeps_id && imported.tenant.id == acme.tenant().id);
    let moved = session(&engine, "acme");
    assert_eq!(rows(&*elsewhere, moved.tenant().id), rows(&**store, acme.tenant().id));
    assert_eq!(engine.authenticate(&key).expect("the key works there").tenant().slug, "acme");
    assert_eq!(moved.settings().expect("settings"), acme.settings().expect("settings"));
    assert_eq!(exported(&moved, TenantParts::ALL).1.digest, told.digest);
    check_consistency(&moved);
    let last = acme.last_change().expect("the store is well");
    moved.companies().create(&CompanyDraft::new("Later")).expect("a good draft");
    let next = moved.last_change().expect("the store is well");
    assert!(next.0 == last.0 + 1 && next.1 > last.1, "the feed goes on behind the last change");
    let taken =
        engine.import_tenant(Cursor::new(&file), &TenantImport::new()).expect_err("the name is taken");
    assert!(taken.is_duplicate() && taken.existing_id() == Some(moved.tenant().id.as_uuid()));
}

fn a_tenant_comes_in_beside_itself_under_another_name(store: &Arc<dyn Store>) {
    let (acme, key) = filled(store);
    let (file, _) = exported(&acme, TenantParts::ALL);
    let options = TenantImport::new().named("copy");
    let imported = acme.engine().import_tenant(Cursor::new(&file), &options).expect("a whole file");
    assert!(!imported.keeps_id && imported.tenant.id != acme.tenant().id);
    let copy = session(acme.engine(), "copy");
    for kind in kinds() {
        assert_eq!(texts(&copy, kind), texts(&acme, kind), "{kind}");
    }
    assert_eq!(changes(&copy), changes(&acme));
    assert_eq!(histories(&copy), histories(&acme));
    assert_eq!(copy.api_keys().count(Query::all()).expect("the store is well"), 0);
    assert_eq!(acme.engine().authenticate(&key).expect("a key").tenant().slug, "acme");
    let epochs =
        [&copy, &acme].map(|session| session.view().and_then(|view| view.feed_epoch()).expect("a feed"));
    assert_ne!(epochs[0], epochs[1]);
    copy.contacts().create(&ContactDraft::new("New", "One", "new@x.example")).expect("a good draft");
    assert_eq!(acme.contacts().find("new@x.example").expect("the store is well"), None);
    check_consistency(&copy);
    check_consistency(&acme);
}

/// The whole list of a kind as JSON, without the tenant's id.
pub(super) fn texts(session: &Session, kind: Kind) -> Vec<String> {
    let id = session.tenant().id.to_string();
    let asked = |offset| Asked { limit: 100, offset, ..Asked::default() };
    let mut all: Vec<String> = Vec::new();
    loop {
        let offset = u64::try_from(all.len()).expect("a small number");
        let page = resources::list(session, kind, &asked(offset)).expect("a list is answered");
        all.extend(page.rows.iter().map(|row| row.replace(&id, "")));
        if !page.has_more {
            return all;
        }
    }
}

fn changes(session: &Session) -> Vec<FeedEntry> {
    let changes = session.follow(FeedPosition::START).map(|change| Ok(change?.into_entry()));
    changes.collect::<Result<_, Error>>().expect("the feed is answered")
}

fn histories(session: &Session) -> BTreeMap<String, String> {
    let contacts = session.contacts().list(Query::all()).expect("a list").records;
    let history = |contact: &Contact| {
        let page = session.contacts().history(contact.id).expect("a history");
        (contact.id.to_string(), format!("{:?}", page.records))
    };
    contacts.iter().map(history).collect()
}

fn what_is_not_asked_for_stays_out(store: &Arc<dyn Store>) {
    let (acme, _) = filled(store);
    let hash = b"$argon2";
    let parts = TenantParts::NONE;
    let (file, told) = exported(&acme, parts);
    assert_eq!(told.parts, parts);
    assert!(!file.windows(hash.len()).any(|bytes| bytes == hash), "no password is in it");
    assert!(!file.windows(6).any(|bytes| bytes == b"whsec_"), "no secret is in it");
    let (_, engine) = memory(4);
    engine.import_tenant(Cursor::new(&file), &TenantImport::new()).expect("a whole file");
    let bare = session(&engine, "acme");
    assert_eq!(bare.users().count(Query::all()).expect("a count"), 0);
    assert_eq!(bare.api_keys().count(Query::all()).expect("a count"), 0);
    assert_eq!(bare.webhooks().count(Query::all()).expect("a count"), 0);
    let owned = bare.companies().list(Query::all()).expect("a list").records;
    assert!(!owned.is_empty() && owned.iter().all(|company| company.owner_id.is_none()));
    assert_eq!(changes(&bare), changes(&acme));
    check_consistency(&bare);
    // All that refers to what stayed out is free for new ones.
    bare.companies().delete(owned[0].id).expect("it is there");
    bare.users().create(&UserDraft::new("u1@x.example", "U")).expect("a good draft");
    check_consistency(&bare);
}

fn a_tenant_goes_out_at_one_moment_while_others_write(store: &Arc<dyn Store>) {
    let acme = tenant(Arc::clone(store));
    files::fill(&acme, &mut Random::new(5)).expect("good drafts");
    let writer = acme.clone();
    let writing = Task::start(move || {
        for number in 0..60 {
            let draft = ContactDraft::new("A", "B", format!("w{number}@x.example"));
            writer.contacts().create(&draft).map(drop).expect("a good draft");
        }
    });
    for seed in 0..4 {
        let (file, told) = exported(&acme, TenantParts::ALL);
        let (_, engine) = memory(seed);
        engine.import_tenant(Cursor::new(&file), &TenantImport::new()).expect("a whole file");
        let copy = session(&engine, "acme");
        assert_eq!(copy.last_change().expect("a feed"), (told.last_change, told.last_changed_at));
        check_consistency(&copy);
    }
    writing.finish("a writer beside exports");
}

fn an_import_that_stopped_is_seen_by_nobody_and_made_good_by_the_next(store: &Arc<dyn Store>) {
    let (_, source) = memory(6);
    source.create_tenant(&TenantDraft::new("acme")).expect("a new tenant");
    files::fill(&session(&source, "acme"), &mut Random::new(7)).expect("good drafts");
    let (file, told) = exported(&session(&source, "acme"), TenantParts::ALL);
    let faulty = Arc::new(FaultyStore::new(Arc::clone(store)));
    let engine = engine(faulty.clone(), 8);
    let mut stopped = 0;
    for number in 0.. {
        faulty.heal();
        // From here on, nothing is written any more: neither the rest nor what would clean up.
        (number..number + 200).for_each(|number| faulty.fail_write(number, WriteFault::Unavailable));
        let imported = engine.import_tenant(Cursor::new(&file), &TenantImport::new().moved());
        faulty.heal();
        match imported {
            Ok(_) => break,
            Err(error) => assert_eq!(error.code(), Code::Unavailable, "{error:?}"),
        }
        stopped += 1;
        assert!(engine.tenant("acme").is_err_and(|error| error.is_not_found()));
        assert!(engine.tenants().expect("the store is well").is_empty());
    }
    assert!(stopped > 4, "it was stopped in the middle");
    let acme = session(&engine, "acme");
    assert_eq!(exported(&acme, TenantParts::ALL).1.digest, told.digest);
    check_consistency(&acme);
}

fn of_two_imports_at_once_one_is_there_whole(store: &Arc<dyn Store>) {
    let (_, source) = memory(6);
    source.create_tenant(&TenantDraft::new("acme")).expect("a new tenant");
    files::fill(&session(&source, "acme"), &mut Random::new(7)).expect("good drafts");
    let (file, told) = exported(&session(&source, "acme"), TenantParts::ALL);
    let engine = engine(Arc::clone(store), 9);
    let (importing, bytes) = (engine.clone(), file.clone());
    all_at_once(3, move |_| {
        let imported = importing.import_tenant(Cursor::new(&bytes), &TenantImport::new().moved());
        if let Err(error) = imported {
            assert!(matches!(error.code(), Code::Conflict | Code::Duplicate), "{error:?}");
        }
    });
    // Each may have stopped the others.
    if engine.tenants().expect("the store is well").is_empty() {
        engine.import_tenant(Cursor::new(&file), &TenantImport::new().moved()).expect("nobody is in the way");
    }
    let acme = session(&engine, "acme");
    assert_eq!(exported(&acme, TenantParts::ALL).1.digest, told.digest);
    check_consistency(&acme);
}
