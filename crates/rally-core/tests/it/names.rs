//! Searches by the beginnings of names among so many records that they are found in the order of records.

use std::{collections::BTreeMap, sync::Arc};

use rally_core::{
    Atomicity, Contact, ContactDraft, ContactUpdate, CopyMode, Engine, Id, LifecycleStage, ListQuery, Query,
    Session, TenantImport, TenantParts, Timestamp,
    store::{Batch, Commit, Direction, Key, KeyRange, MemoryStore, Space, Store},
};
use rally_testkit::CountingStore;

use crate::support::World;

/// Contacts in a part of the list whose names stand together.
const CHUNK: usize = 1_024;

const FIRST: [&str; 8] = ["Ada", "Adalbert", "İlker", "ILKAY", "Ｗide", "Straße", "Eve Ann", "é"];
const LAST: [&str; 6] = ["Lovelace", "Love", "Ångström-Straßenberger", "STRASSE", "Iliev", "Ada"];

/// The beginnings that are searched for, and the same as it is compared.
const SEARCHED: [(&str, &str); 14] = [
    ("a", "a"),
    ("ADA", "ada"),
    ("ada l", "ada l"),
    ("ilk", "ilk"),
    ("ı", "i"),
    ("İ", "i"),
    ("STRASSE", "strasse"),
    ("straß", "strass"),
    ("wide", "wide"),
    ("eve ann love", "eve ann love"),
    ("É", "é"),
    ("ångström-strassen", "ångström-strassen"),
    ("c1", "c1"),
    ("zz", "zz"),
];

/// The names of a contact as they are compared, written by hand.
fn folded(contact: &Contact) -> Vec<String> {
    let fold = |text: &str| {
        let wide = text.replace('Ｗ', "w").replace('İ', "i").replace('ß', "ss");
        wide.to_lowercase().replace('ı', "i")
    };
    let full = format!("{} {}", contact.first_name, contact.last_name);
    vec![fold(&contact.last_name), fold(&full), fold(&contact.email)]
}

struct Many {
    store: Arc<CountingStore>,
    world: World,
    made: usize,
}

impl Many {
    fn new() -> Self {
        let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
        Self { world: World::on(store.clone()), store, made: 0 }
    }

    fn add(&mut self, contacts: usize) {
        let draft = |number: usize| {
            let stage =
                if number.is_multiple_of(3) { LifecycleStage::Customer } else { LifecycleStage::Lead };
            ContactDraft::new(FIRST[number % 8], LAST[number / 8 % 6], format!("c{number}@x.example"))
                .lifecycle_stage(stage)
        };
        for first in (self.made..self.made + contacts).step_by(100) {
            let drafts: Vec<_> = (first..(first + 100).min(self.made + contacts)).map(draft).collect();
            self.world.acme.contacts().create_many(&drafts, Atomicity::AllOrNothing).unwrap();
        }
        self.made += contacts;
    }

    fn all(&self) -> BTreeMap<Id<Contact>, Contact> {
        let view = self.world.acme.view().unwrap();
        let all = view.contacts().all(Query::all()).unwrap().map(Result::unwrap);
        all.map(|contact| (contact.id, contact)).collect()
    }

    fn ids(&self) -> Vec<Id<Contact>> {
        self.all().into_keys().collect()
    }

    /// Compares each search with what the contacts themselves tell, alone and with other conditions.
    #[track_caller]
    fn check(&self) {
        let all = self.all();
        let since = all.values().map(|contact| contact.updated_at).nth(all.len() / 2).unwrap();
        for (asked, text) in SEARCHED {
            let is_named = |contact: &&Contact| folded(contact).iter().any(|name| name.starts_with(text));
            let is_customer = |contact: &&Contact| contact.lifecycle_stage == LifecycleStage::Customer;
            let named = || Query::all().search(asked);
            let customers = || named().filter(Contact::LIFECYCLE_STAGE.is(LifecycleStage::Customer));
            self.check_one(named(), all.values().filter(is_named).collect());
            self.check_one(customers(), all.values().filter(is_named).filter(is_customer).collect());
            for since in [Timestamp::MIN, since] {
                let later = |contact: &&Contact| contact.updated_at > since;
                let mut expected: Vec<&Contact> =
                    all.values().filter(is_named).filter(is_customer).filter(later).collect();
                expected.sort_by_key(|contact| contact.updated_at);
                self.check_one(customers().updated_since(since), expected);
            }
        }
    }

    #[track_caller]
    fn check_one(&self, query: Query<Contact>, expected: Vec<&Contact>) {
        let expected: Vec<Id<Contact>> = expected.iter().map(|contact| contact.id).collect();
        let contacts = self.world.acme.contacts();
        assert_eq!(
            contacts.count(query.clone()).unwrap(),
            u64::try_from(expected.len()).unwrap(),
            "{query:?}"
        );
        for offset in [0, 90, expected.len().saturating_sub(10)] {
            let list: ListQuery<Contact> = query.clone().limit(20).offset(u64::try_from(offset).unwrap());
            let found: Vec<Id<Contact>> =
                contacts.list(list).unwrap().records.iter().map(|contact| contact.id).collect();
            let page: Vec<_> = expected.iter().skip(offset).take(20).copied().collect();
            assert_eq!(found, page, "{query:?} from {offset}");
        }
        let walked: Vec<Id<Contact>> = self
            .world
            .acme
            .view()
            .unwrap()
            .contacts()
            .all(query)
            .unwrap()
            .map(|found| found.unwrap().id)
            .collect();
        assert_eq!(walked, expected);
    }

    /// The keys of the rows of names in the order of records.
    fn rows(&self) -> Vec<Key> {
        let snapshot = self.store.snapshot(self.world.acme.tenant().id).unwrap();
        let range = KeyRange::prefix(&Key::new(Space(0x17)));
        snapshot
            .scan(&range, Direction::Forward, usize::MAX)
            .unwrap()
            .into_iter()
            .map(|entry| entry.key)
            .collect()
    }
}

#[test]
fn names_of_very_many_are_found_as_a_look_at_each_record_finds_them() {
    let mut many = Many::new();
    many.add(CHUNK - 1);
    assert!(many.rows().is_empty());
    many.check();
    many.add(1);
    let whole = many.rows().len();
    assert!(whole > 0);
    many.add(CHUNK + 300);
    many.check();
    let (ids, contacts) = (many.ids(), many.world.acme.contacts());
    for (number, id) in ids.iter().enumerate().filter(|(number, _)| number % 7 == 3) {
        let name = |at: usize| ContactUpdate::new().first_name(FIRST[at % 8]).last_name(LAST[at % 6]);
        match number % 5 {
            0 => contacts.delete(*id).unwrap(),
            1 => drop(
                contacts.update(*id, &ContactUpdate::new().email(format!("ada{number}@x.example"))).unwrap(),
            ),
            _ => drop(contacts.update(*id, &name(number)).unwrap()),
        }
    }
    many.check();
    ids.iter().take(CHUNK).for_each(|id| drop(contacts.delete(*id)));
    many.check();
    let first_chunk = many.rows().into_iter().filter(|key| key.as_bytes().ends_with(&[0; 4])).count();
    assert_eq!(first_chunk, 0, "names of records that are gone are gone");
}

#[test]
fn a_chunk_that_becomes_whole_has_the_names_that_its_records_have_then() {
    let mut many = Many::new();
    many.add(CHUNK - 3);
    let ids = many.ids();
    let draft = |email: &str| ContactDraft::new("Zoe", "Zuse", email);
    let within = many.world.acme.write(|tx| {
        for email in ["z1@x.example", "z2@x.example", "z3@x.example", "z4@x.example"] {
            tx.contacts().create(&draft(email))?;
        }
        tx.contacts().update(ids[5], &ContactUpdate::new().first_name("Zz").last_name("Zz"))?;
        tx.contacts().delete(ids[6])?;
        // Reading makes what has been written so far readable, and more is written behind it.
        let found = tx.view()?.contacts().all(Query::all().search("zz"))?.count();
        tx.contacts().update(ids[7], &ContactUpdate::new().first_name("Zz").last_name("Zz"))?;
        tx.contacts().update(ids[5], &ContactUpdate::new().first_name("Ada").last_name("Ada"))?;
        Ok(found)
    });
    assert_eq!(within.unwrap(), 1);
    assert!(!many.rows().is_empty());
    let count = |text: &str| many.world.acme.contacts().count(Query::all().search(text)).unwrap();
    assert_eq!((count("zz"), count("zuse"), count("zoe")), (1, 4, 4));
    many.check();
}

#[test]
fn the_check_of_a_store_finds_each_row_of_names_that_is_missing_or_too_much() {
    let mut many = Many::new();
    many.add(CHUNK + 7);
    let tenant = many.world.acme.tenant().id;
    let damaged = || many.world.engine.check_store(&mut |_, _| ()).unwrap().damaged;
    let put = |key: &Key, value: Option<&[u8]>| {
        let mut batch = Batch::new();
        match value {
            Some(value) => batch.put(key.clone(), value.to_vec()),
            None => batch.delete(key.clone()),
        }
        assert_eq!(many.store.write(tenant, &mut |_| Ok(batch.clone())).unwrap(), Commit::Applied);
    };
    assert_eq!(damaged(), 0);
    let rows = many.rows();
    for key in &rows {
        let row = many.store.snapshot(tenant).unwrap().get(key).unwrap().unwrap();
        for value in [None, Some(&b"x"[..])] {
            put(key, value);
            assert!(damaged() > 0, "{key:?}");
        }
        put(key, Some(&row));
    }
    let behind = rows.last().unwrap().successor();
    put(&behind, Some(b"x"));
    assert!(damaged() > 0);
    put(&behind, None);
    assert_eq!(damaged(), 0);
}

#[test]
fn a_tenant_that_is_copied_is_searched_as_before() {
    let mut many = Many::new();
    many.add(2 * CHUNK);
    let mut file = std::io::Cursor::new(Vec::new());
    many.world.engine.export_tenant("acme", &mut file, TenantParts::NONE).unwrap();
    file.set_position(0);
    let other = World::new();
    let import = TenantImport::new().named("copy");
    let imported = other.engine.import_tenant(&mut file, &import).unwrap();
    let copy = other.engine.tenant("copy").unwrap().trusted_session("test").unwrap();
    assert_eq!(imported.file.slug, "acme");
    for (text, _) in SEARCHED {
        let count = |session: &Session| session.contacts().count(Query::all().search(text)).unwrap();
        assert_eq!(count(&copy), count(&many.world.acme), "{text}");
    }
    assert_eq!(other.engine.check_store(&mut |_, _| ()).unwrap().damaged, 0);
}

#[test]
fn names_that_are_lost_are_made_anew() {
    let mut many = Many::new();
    many.add(2 * CHUNK + 1);
    let names = many.rows();
    let mut batch = Batch::new();
    names.iter().for_each(|key| batch.delete(key.clone()));
    let tenant = many.world.acme.tenant().id;
    assert_eq!(many.store.write(tenant, &mut |_| Ok(batch.clone())).unwrap(), Commit::Applied);
    let repaired = Engine::new(MemoryStore::new());
    many.world.engine.copy_to(&repaired, CopyMode::Rebuilt, &mut |_| ()).unwrap();
    assert_eq!(repaired.check_store(&mut |_, _| ()).unwrap().damaged, 0);
    let acme = repaired.tenant("acme").unwrap().trusted_session("test").unwrap();
    assert_eq!(acme.contacts().count(Query::all().search("zz")).unwrap(), 0);
    let expected = many.all().values().filter(|contact| contact.last_name.starts_with("Love")).count();
    assert_eq!(acme.contacts().count(Query::all().search("love")).unwrap(), u64::try_from(expected).unwrap());
}

#[test]
fn a_page_of_a_common_name_reads_about_what_it_shows_and_a_total_a_row_a_chunk() {
    let mut many = Many::new();
    many.add(20 * CHUNK);
    let cost = |query: ListQuery<Contact>| {
        many.store.reset();
        many.world.acme.contacts().list(query).unwrap();
        let counts = many.store.counts();
        counts.entries + counts.keys_asked + counts.gets
    };
    for text in ["a", "ada", "love", "c"] {
        let page = cost(Query::all().search(text).limit(100));
        let total = cost(Query::all().search(text).limit(1).counted());
        assert!(page < 2_000 && total < 2_000, "{text}: {page}, {total}");
    }
}
