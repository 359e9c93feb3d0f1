//! A tenant as a file, by the program.

use std::{fs, path::Path, process::Child, sync::Arc};

use rally_core::{ContactDraft, Engine, TenantDraft};
use rally_store_redb::{Options, RedbStore};
use serde_json::Value;

use crate::running::{Folder, admin_key, rally, rows};

fn told(printed: &str) -> Value {
    serde_json::from_str(printed.lines().next().unwrap()).unwrap()
}

#[test]
fn a_tenant_moves_from_one_file_to_another() {
    let folder = Folder::new();
    let store = folder.store();
    let created = folder.printed(&["tenants", "create", "acme", "--store", &store]);
    let key = admin_key(&created);
    let server = folder.serve(&[]);
    let body = r#"{"firstName":"Ada","lastName":"L","email":"a@x.example"}"#;
    let (_, ada) = server.send("POST", "/api/contacts", &key, body);
    assert_eq!(server.terminate(), Some(0));
    let export = ["tenants", "export", "acme", "acme.rally", "--store", &store, "--all", "--json"];
    let out = told(&folder.printed(&export));
    assert_eq!((&out["slug"], &out["lastChange"]), (&Value::from("acme"), &Value::from(1)));
    assert!(folder.complaint(&export).contains("there is a file acme.rally already"));
    assert!(!folder.path().join("acme.rally.part").exists());

    let other = "redb:other.redb";
    let import = ["tenants", "import", "acme.rally", "--store", other, "--moved", "--json"];
    let back = told(&folder.printed(&import));
    assert_eq!(back, out, "the same tenant");
    assert!(folder.complaint(&import).contains("import the file under another name"));
    let server = folder.start(&["serve", "--json", "--listen", "127.0.0.1:0", "--store", other]);
    let path = format!("/api/contacts/{}", ada["id"].as_str().unwrap());
    assert_eq!(server.send("GET", &path, &key, ""), (200, ada));
    drop(server);
    let listed = folder.run(&[&import[..5], &["--name", "copy"]].concat());
    assert!(String::from_utf8(listed.stderr).unwrap().contains("so it has a new id"));
    let tenants = rows(&folder.printed(&["tenants", "list", "--store", other]));
    assert_eq!(tenants.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), ["SLUG", "acme", "copy"]);
}

#[cfg(unix)]
#[test]
fn a_server_that_has_the_file_writes_a_tenant_of_it() {
    let folder = Folder::new();
    let store = folder.store();
    let key = admin_key(&folder.printed(&["tenants", "create", "acme", "--store", &store]));
    let server = folder.serve(&[]);
    let create = |email: &str| {
        let body = format!(r#"{{"firstName":"Ada","lastName":"L","email":"{email}"}}"#);
        server.send("POST", "/api/contacts", &key, &body).0
    };
    assert_eq!(create("a@x.example"), 201);
    let export =
        |file: &'static str| ["tenants", "export", "acme", file, "--store", &store, "--all", "--json"];
    let out = told(&folder.printed(&export("live.rally")));
    assert_eq!((&out["slug"], &out["lastChange"]), (&"acme".into(), &1.into()));
    assert!(folder.complaint(&export("live.rally")).contains("live.rally already"));
    assert!(folder.complaint(&export("no/folder/x.rally")).contains("no/folder/x.rally"));
    let other = ["tenants", "export", "looms", "looms.rally", "--store", &store];
    assert!(folder.complaint(&other).contains("there are acme"));
    assert_eq!(create("b@x.example"), 201);
    assert_eq!(server.terminate(), Some(0));
    let back = ["tenants", "import", "live.rally", "--store", "redb:other.redb", "--moved", "--json"];
    assert_eq!(told(&folder.printed(&back)), out);
}

#[test]
fn a_damaged_file_is_refused_and_nothing_is_made_of_it() {
    let folder = Folder::new();
    let store = folder.store();
    folder.printed(&["tenants", "create", "acme", "--store", &store]);
    folder.printed(&["tenants", "export", "acme", "acme.rally", "--store", &store]);
    let path = folder.path().join("acme.rally");
    let mut bytes = fs::read(&path).unwrap();
    let place = bytes.len() / 3;
    bytes[place] ^= 4;
    fs::write(&path, bytes).unwrap();
    let import = ["tenants", "import", "acme.rally", "--store", &store, "--name", "other"];
    assert!(folder.complaint(&import).contains("is damaged in its block"));
    assert!(folder.complaint(&["tenants", "import", "none.rally", "--store", &store]).contains("none.rally"));
    assert!(
        folder
            .complaint(&["tenants", "export", "x", "x.rally", "--store", &store])
            .contains("there are acme")
    );
    assert_eq!(rows(&folder.printed(&["tenants", "list", "--store", &store])).len(), 2);
}

/// Makes a tenant that takes a while to import, the second of its store.
pub(crate) fn large(path: &Path) {
    let store = Arc::new(RedbStore::open(path, Options::default()).unwrap());
    let engine =
        Engine::with(store.clone(), rally_core::Environment::system(), rally_core::Config::default());
    // The second of its store, so that there is a place for it behind another one's first.
    engine.create_tenant(&TenantDraft::new("zero")).unwrap();
    let acme = engine.create_tenant(&TenantDraft::new("acme")).unwrap().trusted_session("test").unwrap();
    let notes = "n".repeat(2_000);
    for block in 0..80 {
        let made = acme.write(|tx| {
            for number in 0..50 {
                let draft =
                    ContactDraft::new("A", "B", format!("c{block}-{number}@x.example")).notes(notes.as_str());
                tx.contacts().create(&draft)?;
            }
            Ok(())
        });
        made.unwrap();
    }
    store.close().unwrap();
}

/// Lets a process run until it has written some bytes, and kills it then; false if it had ended by itself.
#[cfg(target_os = "linux")]
pub(crate) fn killed_at(mut child: Child, bytes: u64) -> bool {
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if written_by(child.id()) >= bytes {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        std::thread::yield_now();
    }
}

/// The bytes that a process has written, to files or elsewhere.
#[cfg(target_os = "linux")]
fn written_by(process: u32) -> u64 {
    let told = fs::read_to_string(format!("/proc/{process}/io")).unwrap_or_default();
    let written = told.lines().find_map(|line| line.strip_prefix("wchar: "));
    written.map_or(0, |bytes| bytes.parse().unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn an_import_that_is_killed_is_seen_by_nobody_and_made_good_by_the_next() {
    let folder = Folder::new();
    large(&folder.path().join("crm.redb"));
    let out = told(&folder.printed(&[
        "tenants",
        "export",
        "acme",
        "acme.rally",
        "--store",
        &folder.store(),
        "--all",
        "--json",
    ]));
    let import = ["tenants", "import", "acme.rally", "--store", "redb:to.redb", "--moved", "--json"];
    folder.printed(&["tenants", "create", "first", "--store", "redb:first.redb"]);
    let (first, to) = (folder.path().join("first.redb"), folder.path().join("to.redb"));
    let mut killed = 0;
    for bytes in [1, 1 << 20, 4 << 20, 8 << 20] {
        fs::copy(&first, &to).unwrap();
        let child = rally(folder.path(), &import).stdout(std::process::Stdio::null()).spawn().unwrap();
        let was_killed = killed_at(child, bytes);
        let listed = rows(&folder.printed(&["tenants", "list", "--store", "redb:to.redb"]));
        // It may have come to its end before it was killed.
        if listed.len() == 2 {
            assert!(was_killed, "nothing was imported");
            killed += 1;
            assert_eq!(told(&folder.printed(&import))["digest"], out["digest"]);
        }
        let again = format!("again-{bytes}.rally");
        let export = ["tenants", "export", "acme", &again, "--store", "redb:to.redb", "--all", "--json"];
        assert_eq!(told(&folder.printed(&export))["digest"], out["digest"]);
    }
    assert!(killed > 0, "it was killed in the middle");
}
