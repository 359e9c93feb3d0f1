//! The promises of backups, which come back on any store as they were on any other.

use std::{
    collections::BTreeMap,
    io::{self, Cursor},
    sync::Arc,
};

use rally_core::{
    Backup, BackupFile, BackupSource, BackupTarget, Code, CompanyDraft, ContactDraft, Engine, FeedPosition,
    FeedQuery, Kind, Query, Session, TenantDraft, TenantId,
    store::{MemoryStore, Store},
};

use super::{
    Property,
    engine::tenant,
    files,
    tenant_files::{engine, filled, rows, session, texts},
    threads::Task,
};
use crate::{FaultyStore, Random, WriteFault, check_consistency, resources::kinds};

pub(super) fn properties() -> Vec<Property<Arc<dyn Store>>> {
    vec![
        Property::of(a_backup_comes_back_in_an_empty_store_as_it_was),
        Property::of(a_backup_of_another_store_comes_back_whole),
        Property::of(a_feed_that_came_back_gives_no_number_and_no_instant_again),
        Property::of(a_backup_is_never_put_over_tenants),
        Property::of(a_damaged_backup_changes_nothing),
        Property::of(a_restore_that_stopped_is_seen_by_nobody_and_made_good_by_the_next),
        Property::of(a_backup_holds_each_tenant_at_one_moment_while_others_write),
    ]
}

/// The files of a backup, in memory.
#[derive(Clone, Debug, Default)]
struct Files(BTreeMap<String, Vec<u8>>);

impl BackupTarget for Files {
    type File = Vec<u8>;

    fn begin(&mut self, _: &str) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn end(&mut self, file: Vec<u8>, told: &BackupFile) -> io::Result<()> {
        self.0.insert(told.name.clone(), file);
        Ok(())
    }
}

impl BackupSource for Files {
    type File = Cursor<Vec<u8>>;

    fn open(&mut self, name: &str) -> io::Result<Self::File> {
        Ok(Cursor::new(self.0.get(name).cloned().ok_or(io::ErrorKind::NotFound)?))
    }
}

fn backed_up(engine: &Engine) -> (Files, Backup) {
    let mut files = Files::default();
    let backup = engine.back_up(&mut files).expect("the store is well");
    backup.check(&mut files).expect("it is as it was written");
    (files, backup)
}

fn memory() -> Engine {
    engine(Arc::new(MemoryStore::new()), 12)
}

/// Two tenants, one of which has something of everything.
fn two(store: &Arc<dyn Store>) -> (Session, String) {
    let (acme, key) = filled(store);
    let looms = acme.engine().create_tenant(&TenantDraft::new("looms")).expect("a new tenant");
    let looms = looms.trusted_session("property").expect("the tenant is there");
    looms.companies().create(&CompanyDraft::new("Looms")).expect("a good draft");
    (acme, key)
}

fn same(one: &Session, other: &Session) {
    for kind in kinds() {
        assert_eq!(texts(one, kind), texts(other, kind), "{kind}");
    }
    assert_eq!(one.settings().expect("settings"), other.settings().expect("settings"));
    check_consistency(one);
}

fn a_backup_comes_back_in_an_empty_store_as_it_was(store: &Arc<dyn Store>) {
    let (acme, key) = two(store);
    let secret = acme.engine().signing_secrets().expect("a secret");
    let (mut files, backup) = backed_up(acme.engine());
    assert_eq!(backup.tenants.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["acme", "looms"]);
    let elsewhere = memory();
    let restored = elsewhere.restore(&backup, &mut files).expect("a whole backup");
    assert_eq!(
        restored.iter().map(|tenant| &tenant.file).collect::<Vec<_>>(),
        backup.tenants.iter().collect::<Vec<_>>()
    );
    assert_eq!(elsewhere.tenants().expect("tenants"), acme.engine().tenants().expect("tenants"));
    same(&session(&elsewhere, "acme"), &acme);
    same(&session(&elsewhere, "looms"), &session(acme.engine(), "looms"));
    assert_eq!(elsewhere.authenticate(&key).expect("the key works there").tenant().slug, "acme");
    assert!(elsewhere.signing_secrets().expect("secrets") == secret, "tokens stay valid");
    elsewhere.create_tenant(&TenantDraft::new("new")).expect("a new tenant");
    assert_eq!(elsewhere.tenants().expect("tenants").len(), 3);
}

fn a_backup_of_another_store_comes_back_whole(store: &Arc<dyn Store>) {
    let from: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (acme, key) = two(&from);
    let (mut files, backup) = backed_up(acme.engine());
    let here = engine(Arc::clone(store), 13);
    here.signing_secrets().expect("a server makes one when it starts");
    here.restore(&backup, &mut files).expect("a whole backup");
    same(&session(&here, "acme"), &acme);
    assert_eq!(here.authenticate(&key).expect("the key works there").tenant().slug, "acme");
    let (_, again) = backed_up(&here);
    assert_eq!(again.tenants.len(), 2);
}

fn a_feed_that_came_back_gives_no_number_and_no_instant_again(store: &Arc<dyn Store>) {
    let (acme, _) = two(store);
    let (mut files, backup) = backed_up(acme.engine());
    let known = acme.view().and_then(|view| view.feed_epoch()).expect("a feed");
    let last = acme.last_change().expect("a feed").0;
    // Changes that the backup does not have, more than a block of marks.
    for number in 0..70 {
        acme.companies().create(&CompanyDraft::new(format!("Lost {number}"))).expect("a good draft");
    }
    let lost = acme.last_change().expect("a feed");
    let here = memory();
    let restored = here.restore(&backup, &mut files).expect("a whole backup");
    assert!(restored[0].goes_on_after >= lost.0);
    let back = session(&here, "acme");
    let mut made = Vec::new();
    for number in 0..200 {
        made.push(
            back.companies()
                .create(&CompanyDraft::new(format!("N{number}")))
                .expect("a good draft")
                .id
                .as_uuid(),
        );
    }
    let new = back.follow(FeedPosition::After(last)).map(|change| Ok(change?.into_entry()));
    let new = new.collect::<Result<Vec<_>, rally_core::Error>>().expect("the feed is answered");
    assert_eq!(new.iter().map(|entry| entry.entity_id).collect::<Vec<_>>(), made);
    assert!(new[0].id > lost.0 && new[0].changed_at > lost.1, "{:?} is behind {lost:?}", new[0]);
    let ask = |from, epoch| {
        let query = FeedQuery { from, kinds: Kind::IN_FEED.to_vec(), limit: 1_000, epoch };
        back.feed(&query)
    };
    let all = ask(FeedPosition::START, None).expect("the feed is answered");
    assert_ne!(all.epoch, known);
    for from in [FeedPosition::After(last), FeedPosition::START, FeedPosition::Since(lost.1)] {
        let error = ask(from, Some(known)).expect_err("the feed is another one");
        assert_eq!(error.code(), Code::FeedReset);
        assert!(ask(from, Some(all.epoch)).is_ok());
    }
    // A reader that has read what was lost is told even if it names no epoch.
    assert_eq!(ask(FeedPosition::After(lost.0), None).expect_err("it was lost").code(), Code::FeedReset);
    // Going on from each change, none is skipped or told again.
    for (place, entry) in new.iter().enumerate() {
        let rest = ask(FeedPosition::After(entry.id), None).expect("the feed is answered").changes;
        assert_eq!(rest, new[place + 1..], "behind {}", entry.id);
        let rest = ask(FeedPosition::Since(entry.changed_at), None).expect("the feed is answered").changes;
        assert_eq!(rest, new[place + 1..], "since {}", entry.changed_at);
    }
    check_consistency(&back);
}

fn a_backup_is_never_put_over_tenants(store: &Arc<dyn Store>) {
    let acme = tenant(Arc::clone(store));
    let (mut files, backup) = backed_up(acme.engine());
    let before = [rows(&**store, acme.tenant().id), rows(&**store, TenantId::DIRECTORY)];
    let error = acme.engine().restore(&backup, &mut files).expect_err("there is a tenant");
    assert_eq!(error.code(), Code::Conflict, "{error:?}");
    assert!(before == [rows(&**store, acme.tenant().id), rows(&**store, TenantId::DIRECTORY)]);
}

fn a_damaged_backup_changes_nothing(store: &Arc<dyn Store>) {
    let from: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (acme, _) = two(&from);
    let (files, backup) = backed_up(acme.engine());
    let here = engine(Arc::clone(store), 14);
    let refused = |mut files: Files, backup: &Backup| {
        let error = here.restore(backup, &mut files).expect_err("it is damaged");
        assert!(matches!(error.code(), Code::Validation | Code::Unavailable), "{error:?}");
        for id in [TenantId::DIRECTORY, acme.tenant().id] {
            assert!(rows(&**store, id).is_empty(), "nothing was written");
        }
    };
    for name in ["acme", "looms", Backup::DIRECTORY] {
        let mut flipped = files.clone();
        let file = flipped.0.get_mut(name).expect("it is there");
        let place = file.len() / 2;
        file[place] ^= 1;
        refused(flipped, &backup);
        let mut missing = files.clone();
        missing.0.remove(name);
        refused(missing, &backup);
    }
    // A whole file, but that of another tenant, or of another time.
    let mut swapped = files.clone();
    swapped.0.insert("acme".to_owned(), files.0["looms"].clone());
    refused(swapped, &backup);
    acme.companies().create(&CompanyDraft::new("Later")).expect("a good draft");
    let (later, _) = backed_up(acme.engine());
    let mut mixed = files.clone();
    mixed.0.insert("acme".to_owned(), later.0["acme"].clone());
    refused(mixed, &backup);
    refused(files, &Backup { format: backup.format + 1, ..backup.clone() });
}

fn a_restore_that_stopped_is_seen_by_nobody_and_made_good_by_the_next(store: &Arc<dyn Store>) {
    let from: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (acme, _) = two(&from);
    let (mut files, backup) = backed_up(acme.engine());
    let (mut others, other) = backed_up(tenant(Arc::new(MemoryStore::new())).engine());
    let faulty = Arc::new(FaultyStore::new(Arc::clone(store)));
    let here = engine(faulty.clone(), 15);
    let mut stopped = 0;
    for number in (0..).step_by(3) {
        faulty.heal();
        (number..number + 300).for_each(|number| faulty.fail_write(number, WriteFault::Unavailable));
        // Of another backup, which the next attempt must clear away.
        let restored = if stopped % 2 == 1 {
            here.restore(&other, &mut others)
        } else {
            here.restore(&backup, &mut files)
        };
        faulty.heal();
        let Err(error) = restored else { break };
        assert_eq!(error.code(), Code::Unavailable, "{error:?}");
        stopped += 1;
        assert!(here.tenants().expect("the store is well").is_empty());
        assert!(stopped < 200, "it gets nowhere");
    }
    assert!(stopped > 4, "it was stopped in the middle");
    if here.tenants().expect("tenants").len() == 2 {
        same(&session(&here, "acme"), &acme);
        assert!(
            rows(&**store, other.tenants[0].tenant).is_empty() || other.tenants[0].tenant == acme.tenant().id
        );
    }
}

fn a_backup_holds_each_tenant_at_one_moment_while_others_write(store: &Arc<dyn Store>) {
    let acme = tenant(Arc::clone(store));
    files::fill(&acme, &mut Random::new(5)).expect("good drafts");
    let writer = acme.clone();
    let writing = Task::start(move || {
        for number in 0..60 {
            let draft = ContactDraft::new("A", "B", format!("w{number}@x.example"));
            writer.contacts().create(&draft).map(drop).expect("a good draft");
        }
    });
    for _ in 0..3 {
        let (mut files, backup) = backed_up(acme.engine());
        let here = memory();
        here.restore(&backup, &mut files).expect("a whole backup");
        let back = session(&here, "acme");
        check_consistency(&back);
        let total = back.contacts().count(Query::all()).expect("a count");
        assert!(total >= 40, "{total}");
    }
    writing.finish("a writer beside backups");
}
