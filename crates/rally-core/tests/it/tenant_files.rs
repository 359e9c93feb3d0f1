//! A tenant as a file.

use std::{
    io::{self, Cursor, Write},
    sync::Arc,
};

use rally_core::{
    Code, ContactDraft, Currency, Engine, FeedPosition, FeedQuery, Kind, Profile, SettingsUpdate,
    TenantDraft, TenantFile, TenantImport, TenantParts, TenantUpdate, limits, store::MemoryStore,
};
use rally_testkit::{FaultyStore, WriteFault};

use crate::{
    formats,
    support::{World, tenant},
};

fn exported(engine: &Engine, slug: &str, parts: TenantParts) -> (Vec<u8>, TenantFile) {
    let mut file = Vec::new();
    let told = engine.export_tenant(slug, &mut file, parts).unwrap();
    (file, told)
}

#[test]
fn a_file_has_every_row_that_does_not_belong_to_the_store() {
    let world = formats::history(Arc::new(MemoryStore::new()));
    let (_, told) = exported(&world.engine, "acme", TenantParts::ALL);
    // The rate limit's, and the incarnation's.
    let own = [5, 0xC];
    let stored = world.stored(world.acme.tenant().id);
    let rows = stored.iter().filter(|entry| !own.contains(&entry.key.space().0)).count();
    assert_eq!(told.rows, u64::try_from(rows).unwrap());
    assert_eq!(stored.len(), rows + own.len(), "the store has rows of its own");
}

#[test]
fn each_flipped_byte_and_each_missing_end_is_refused() {
    let world = World::new();
    world.add("ada@x.example");
    let (file, _) = exported(&world.engine, "acme", TenantParts::ALL);
    for place in 0..file.len() {
        let mut flipped = file.clone();
        flipped[place] ^= 1 << (place % 8);
        let error = TenantFile::check(&flipped[..]).unwrap_err();
        assert_eq!(error.code(), Code::Validation, "byte {place}: {error:?}");
        let error = TenantFile::check(&file[..place]).unwrap_err();
        assert_eq!(error.code(), Code::Validation, "cut at {place}: {error:?}");
    }
    let longer = [&file[..], &[0]].concat();
    assert!(TenantFile::check(&longer[..]).is_err());
    assert!(TenantFile::check(&file[..]).is_ok());
}

#[test]
fn a_damaged_file_leaves_no_trace() {
    let (world, other) = (World::new(), World::new());
    let (mut file, _) = exported(&other.engine, "acme", TenantParts::ALL);
    let place = file.len() / 2;
    file[place] ^= 1;
    let options = TenantImport::new().named("other");
    let directory = || world.stored(rally_core::TenantId::DIRECTORY);
    let before = directory();
    let error = world.refused(|| world.engine.import_tenant(Cursor::new(&file), &options));
    assert!(error.to_string().contains("is damaged in its block"), "{error}");
    assert!(before == directory(), "nothing was written");
}

#[test]
fn files_of_newer_programs_and_other_files_are_told_apart() {
    let world = World::new();
    let (mut file, _) = exported(&world.engine, "acme", TenantParts::ALL);
    file[8] = 2;
    let told = |file: &[u8]| TenantFile::check(file).unwrap_err().to_string();
    assert!(told(&file).contains("is of version 2, and this program knows version 1"), "{}", told(&file));
    assert!(told(b"firstName,lastName\nAda,Lovelace\n").contains("is no tenant's file"));
    assert!(told(b"").contains("ends too early"));
}

#[test]
fn the_settings_come_along_and_the_name_may_be_another() {
    let world = World::new();
    let settings = SettingsUpdate::new().name("Acme Ltd").default_currency(Currency::EUR);
    world.acme.change_settings(&settings).unwrap();
    let update = TenantUpdate::new().rate_limit_per_minute(7).profile(Profile::Strict);
    world.engine.tenant("acme").unwrap().update("test", &update).unwrap();
    let (file, _) = exported(&world.engine, "acme", TenantParts::NONE);
    let engine = Engine::new(MemoryStore::new());
    let options = TenantImport::new().named("looms");
    let looms = engine.import_tenant(Cursor::new(&file), &options).unwrap().tenant;
    assert_eq!((looms.slug.as_str(), looms.name.as_deref()), ("looms", Some("Acme Ltd")));
    assert_eq!((looms.rate_limit_per_minute, looms.profile), (Some(7), Some(Profile::Strict)));
    assert_eq!(looms.default_currency, Currency::EUR);
    assert_eq!(looms.created_at, world.engine.tenant("acme").unwrap().created_at);
    for (name, code) in [("Not a label", Code::Validation), ("looms", Code::Duplicate)] {
        let options = TenantImport::new().named(name);
        assert_eq!(engine.import_tenant(Cursor::new(&file), &options).unwrap_err().code(), code, "{name}");
    }
}

#[test]
fn tenants_keep_their_ids_in_any_order_and_new_ones_get_others() {
    let world = World::new();
    let slugs = ["acme", "b", "c", "d"];
    slugs[1..].iter().for_each(|slug| drop(tenant(&world.engine, slug)));
    let engine = Engine::new(MemoryStore::new());
    for slug in ["c", "acme", "d"] {
        let (file, _) = exported(&world.engine, slug, TenantParts::ALL);
        let imported = engine.import_tenant(Cursor::new(&file), &TenantImport::new()).unwrap();
        assert!(imported.keeps_id, "{slug}");
        assert_eq!(imported.tenant.id, world.engine.tenant(slug).unwrap().id);
    }
    let new = engine.create_tenant(&TenantDraft::new("new")).unwrap();
    let slugs: Vec<String> = engine.tenants().unwrap().into_iter().map(|tenant| tenant.slug).collect();
    assert_eq!(slugs, ["acme", "c", "d", "new"]);
    let (file, _) = exported(&world.engine, "b", TenantParts::ALL);
    assert!(engine.import_tenant(Cursor::new(&file), &TenantImport::new()).unwrap().keeps_id);
    assert_ne!(new.id, world.engine.tenant("b").unwrap().id);
    assert_eq!(engine.tenants().unwrap().len(), 5);
}

#[test]
fn a_name_that_a_half_import_has_is_told_of() {
    let world = World::new();
    let (file, _) = exported(&world.engine, "acme", TenantParts::ALL);
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let (environment, _) = rally_testkit::environment(3);
    let engine = Engine::with(store.clone(), environment, rally_core::Config::default());
    (1..200).for_each(|number| store.fail_write(number, WriteFault::Unavailable));
    assert!(engine.import_tenant(Cursor::new(&file), &TenantImport::new()).unwrap_err().is_unavailable());
    store.heal();
    assert!(engine.tenants().unwrap().is_empty());
    let error = engine.create_tenant(&TenantDraft::new("acme")).unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    assert!(error.detail().contains("import it again"), "{error}");
    assert!(engine.import_tenant(Cursor::new(&file), &TenantImport::new()).unwrap().keeps_id);
}

#[test]
fn a_reader_of_the_feed_goes_on_where_a_tenant_has_moved_and_is_told_where_it_was_copied() {
    let world = World::new();
    world.add("ada@x.example");
    let epoch = world.acme.view().unwrap().feed_epoch().unwrap();
    let (file, _) = exported(&world.engine, "acme", TenantParts::ALL);
    let query =
        FeedQuery { from: FeedPosition::After(1), kinds: vec![Kind::Contact], limit: 10, epoch: Some(epoch) };
    for (options, code) in [(TenantImport::new().moved(), None), (TenantImport::new(), Some(Code::FeedReset))]
    {
        let engine = Engine::new(MemoryStore::new());
        engine.import_tenant(Cursor::new(&file), &options).unwrap();
        let acme = engine.tenant("acme").unwrap().trusted_session("test").unwrap();
        acme.contacts().create(&ContactDraft::new("A", "B", "b@x.example")).unwrap();
        assert_eq!(acme.feed(&query).err().map(|error| error.code()), code);
        let begun = FeedQuery { from: FeedPosition::START, epoch: None, ..query.clone() };
        let page = acme.feed(&begun).unwrap();
        assert_eq!(page.changes.iter().map(|change| change.id).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(page.epoch == epoch, code.is_none());
        let followed = acme.follow(FeedPosition::After(1)).in_epoch(page.epoch);
        assert_eq!(followed.collect::<Result<Vec<_>, _>>().unwrap().len(), 1);
    }
}

/// Counts the longest piece that is written at once.
#[derive(Default)]
struct Longest(usize);

impl Write for Longest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.max(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_file_is_written_in_pieces_that_do_not_grow_with_the_tenant() {
    let world = World::new();
    let notes = "n".repeat(20_000);
    for number in 0..100 {
        let draft = ContactDraft::new("A", "B", format!("c{number}@x.example")).notes(notes.as_str());
        world.acme.contacts().create(&draft).unwrap();
    }
    let mut longest = Longest::default();
    let told = world.engine.export_tenant("acme", &mut longest, TenantParts::NONE).unwrap();
    assert!(told.rows > 100);
    let most = limits::TENANT_FILE_ROWS_AT_ONCE + 2 * notes.len();
    assert!((limits::TENANT_FILE_ROWS_AT_ONCE / 2..most).contains(&longest.0), "{}", longest.0);
}

/// Takes no more than some bytes, as a full disk does.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_file_that_cannot_be_written_is_an_error() {
    let world = World::new();
    let error = world.engine.export_tenant("acme", Full(100), TenantParts::NONE).unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(world.engine.export_tenant("nobody", Full(100), TenantParts::NONE).unwrap_err().is_not_found());
}
