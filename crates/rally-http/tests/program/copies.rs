//! Stores that are checked, repaired and made smaller, by the program.

use std::{fs, path::Path, sync::Arc};

use rally_core::{
    Config, Engine, Environment, Query, TenantId,
    store::{Batch, Commit, Direction, Key, KeyRange, Space, Store},
};
use rally_store_redb::{Options, RedbStore};
use serde_json::Value;

use crate::running::{Folder, admin_key, rows};

const BODY: &str = r#"{"firstName":"Ada","lastName":"L","email":"a@x.example"}"#;

/// A store with a contact, and the key of its tenant.
fn filled(folder: &Folder) -> (String, TenantId) {
    let created = folder.printed(&["tenants", "create", "acme", "--store", &folder.store()]);
    let key = admin_key(&created);
    let server = folder.serve(&[]);
    assert_eq!(server.send("POST", "/api/contacts", &key, BODY).0, 201);
    assert_eq!(server.terminate(), Some(0));
    (key, rows(&created)[1][1].parse().map(TenantId::from_uuid).unwrap())
}

/// Deletes the rows of a family of keys.
fn damage(folder: &Folder, tenant: TenantId, family: u8) {
    let store = Arc::new(RedbStore::open(folder.path().join("crm.redb"), Options::default()).unwrap());
    let commit = store.write(tenant, &mut |newest| {
        let mut batch = Batch::new();
        let all = KeyRange::prefix(&Key::new(Space(family)));
        let found = newest.scan(&all, Direction::Forward, usize::MAX)?;
        assert!(!found.is_empty());
        found.into_iter().for_each(|entry| batch.delete(entry.key));
        Ok(batch)
    });
    assert_eq!(commit.unwrap(), Commit::Applied);
    store.close().unwrap();
}

fn told(printed: &[u8]) -> Value {
    serde_json::from_slice(printed).unwrap()
}

#[test]
fn a_damage_is_found_told_and_made_good_in_a_new_store() {
    let folder = Folder::new();
    let store = folder.store();
    let (key, tenant) = filled(&folder);
    let check = ["check", "--store", &store];
    let well = folder.run(&check);
    assert_eq!(well.status.code(), Some(0));
    assert!(String::from_utf8(well.stderr).unwrap().contains("agree with each other"));

    let unique = 0x11;
    damage(&folder, tenant, unique);
    let found = folder.run(&check);
    assert_eq!(found.status.code(), Some(1));
    let listed = rows(&String::from_utf8(found.stdout).unwrap());
    assert_eq!(listed[0], ["TENANT", "DAMAGE", "REPAIR"]);
    assert_eq!((listed[1][0].as_str(), listed[1][2].as_str()), ("acme", "rally repair"));
    assert!(String::from_utf8(found.stderr).unwrap().contains("`rally repair` makes a new store"));

    let repair = ["repair", "--store", &store, "--to", "redb:new.redb", "--json"];
    let repaired = folder.run(&repair);
    assert_eq!(repaired.status.code(), Some(0), "{:?}", String::from_utf8(repaired.stderr));
    assert_eq!(
        (&told(&repaired.stdout)["tenants"], &told(&repaired.stdout)["damagesLeft"]),
        (&1.into(), &0.into())
    );
    assert!(folder.complaint(&repair).contains("there is a file new.redb already"));
    assert_eq!(folder.run(&["check", "--store", "redb:new.redb"]).status.code(), Some(0));
    let server = folder.start(&["serve", "--json", "--listen", "127.0.0.1:0", "--store", "redb:new.redb"]);
    assert_eq!(server.send("POST", "/api/contacts", &key, BODY).1["code"], "duplicate");
    assert_eq!(server.send("GET", "/api/sync/changes?after=0", &key, "").1.as_array().unwrap().len(), 1);
}

#[test]
fn what_only_a_backup_has_is_told_of_and_stays_missing() {
    let folder = Folder::new();
    let (_, tenant) = filled(&folder);
    let feed = 0x20;
    damage(&folder, tenant, feed);
    let found = folder.run(&["check", "--store", &folder.store()]);
    assert_eq!(found.status.code(), Some(1));
    assert!(String::from_utf8(found.stderr).unwrap().contains("from a backup"));
    let repaired = folder.run(&["repair", "--store", &folder.store(), "--to", "redb:new.redb"]);
    assert_eq!(repaired.status.code(), Some(1));
    assert!(String::from_utf8(repaired.stderr).unwrap().contains("only a backup has"));
}

/// Deletes all contacts of a tenant but the first ones.
fn thin_out(path: &Path, left: usize) {
    let store = Arc::new(RedbStore::open(path, Options::default()).unwrap());
    let engine = Engine::with(store.clone(), Environment::system(), Config::default());
    let acme = engine.tenant("acme").unwrap().trusted_session("test").unwrap();
    let view = acme.view().unwrap();
    let contacts = view.contacts().all(Query::all()).unwrap().skip(left);
    let contacts = contacts.map(|contact| contact.unwrap().id).collect::<Vec<_>>();
    for some in contacts.chunks(500) {
        acme.write(|tx| some.iter().try_for_each(|id| tx.contacts().delete(*id))).unwrap();
    }
    drop(view);
    store.close().unwrap();
}

#[test]
fn a_file_is_made_smaller_and_is_the_same() {
    let folder = Folder::new();
    let store = folder.store();
    crate::tenant_files::large(&folder.path().join("crm.redb"));
    thin_out(&folder.path().join("crm.redb"), 400);
    let export = |name| {
        let told = folder.printed(&["tenants", "export", "acme", name, "--all", "--store", &store, "--json"]);
        serde_json::from_str::<Value>(&told).unwrap()["digest"].clone()
    };
    let before = export("before.rally");
    let compact = || {
        let told = told(folder.printed(&["compact", "--store", &store, "--json"]).as_bytes());
        assert!(!folder.path().join("crm.redb.compacting").exists());
        assert_eq!(told["tenants"], 2);
        ["bytesBefore", "bytesAfter"].map(|name| told[name].as_u64().unwrap())
    };
    fs::write(folder.path().join("crm.redb.compacting"), "left over").unwrap();
    let [was, mut least] = compact();
    // What they were is still in their histories, so that about half is left.
    assert!(least > 0 && least < was / 3 * 2, "{was} to {least}");
    assert_eq!(export("after.rally"), before, "feed, epoch and all");
    // Copies of a file without room to give differ by a few pages.
    for _ in 0..4 {
        let [was, is] = compact();
        assert!(was == least && is <= was, "{least}, {was} to {is}");
        least = is;
    }
    assert!(folder.complaint(&["compact", "--store", "redb:none.redb"]).contains("there is no file"));
    assert!(folder.complaint(&["compact", "--store", "memory"]).contains("only a file"));
}
