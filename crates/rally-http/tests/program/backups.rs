//! Backups of a store, by the program.

use std::{
    fs,
    path::Path,
    process::{Child, Stdio},
};

use serde_json::Value;

use crate::{
    running::{Folder, admin_key, rally, rows},
    wire::Request,
};

const BODY: &str = r#"{"firstName":"Ada","lastName":"L","email":"a@x.example"}"#;

fn add(server: &crate::running::Running, key: &str, number: usize) {
    let body = BODY.replace("a@x", &format!("a{number}@x"));
    assert_eq!(server.send("POST", "/api/contacts", key, &body).0, 201);
}

fn lines(printed: &str) -> Vec<Value> {
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_server_makes_a_backup_while_it_serves_and_it_comes_back() {
    let folder = Folder::new();
    let store = folder.store();
    let key = admin_key(&folder.printed(&["tenants", "create", "acme", "--store", &store]));
    let server = folder.serve(&[]);
    (0..20).for_each(|number| add(&server, &key, number));
    let metric = |name: &str| {
        let page = Request::get("/metrics", "").send(server.address()).unwrap().text;
        let line = page.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().parse::<f64>().unwrap()
    };
    let noted = || {
        ["last_success_timestamp_seconds", "verified"].map(|name| metric(&format!("rally_backup_{name} ")))
    };
    assert_eq!(noted(), [0.0, 0.0], "there is none");
    let backup = ["backup", "saved", "--store", &store, "--json"];
    let output = folder.run(&backup);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && told.contains("read back, and as it was written"), "{told}");
    let [made_at, is_verified] = noted();
    assert!(made_at > 1_700_000_000.0 && is_verified == 1.0, "{made_at}, {is_verified}");
    let files = lines(&String::from_utf8(output.stdout).unwrap());
    let names: Vec<&str> = files.iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["DIRECTORY", "acme"]);
    assert_eq!(files[1]["lastChange"], 20);
    assert!(folder.complaint(&backup).contains("saved already"));
    // What comes after the backup is lost, and its readers are told.
    let (_, body) = server.send("GET", "/api/sync/changes?after=0", &key, "");
    add(&server, &key, 20);
    server.kill();

    let restored = lines(&folder.printed(&["restore", "saved", "--store", "redb:new.redb", "--json"]));
    assert_eq!((&restored[0]["name"], &restored[0]["digest"]), (&Value::from("acme"), &Value::Null));
    let above = restored[0]["goesOnAfter"].as_u64().unwrap();
    assert!(folder.complaint(&["restore", "saved", "--store", "redb:new.redb"]).contains("no longer free"));
    let server = folder.start(&["serve", "--json", "--listen", "127.0.0.1:0", "--store", "redb:new.redb"]);
    let (_, back) = server.send("GET", "/api/sync/changes?after=0", &key, "");
    assert_eq!(back, body);
    assert_eq!(server.send("GET", "/api/sync/changes?after=21", &key, "").0, 400, "number 21 was lost");
    add(&server, &key, 21);
    let (_, new) = server.send("GET", "/api/sync/changes?after=20", &key, "");
    assert!(new[0]["id"].as_u64().unwrap() > above, "{new}");
    assert_eq!(new.as_array().unwrap().len(), 1);
}

#[test]
fn a_stopped_file_is_backed_up_and_each_tenant_of_it_can_come_in_alone() {
    let folder = Folder::new();
    let store = folder.store();
    for slug in ["acme", "looms"] {
        folder.printed(&["tenants", "create", slug, "--store", &store]);
    }
    folder.printed(&["backup", "saved", "--store", &store]);
    let import = ["tenants", "import", "saved/tenants/looms.rally", "--store", "redb:other.redb"];
    assert!(rows(&folder.printed(&import))[1][0] == "looms");
    assert!(!folder.path().join("saved.part").exists());
    let complaint = folder.complaint(&["backup", "other", "--store", "redb:none.redb"]);
    assert!(complaint.contains("there is no file"), "{complaint}");
}

#[test]
fn an_encrypted_backup_is_read_by_its_key_alone() {
    let folder = Folder::new();
    let store = folder.store();
    folder.printed(&["tenants", "create", "acme", "--store", &store]);
    let [key, other] = ["key", "other"].map(|name| folder.path().join(name));
    fs::write(&key, "0123456789abcdef".repeat(4)).unwrap();
    fs::write(&other, "fedcba9876543210".repeat(4)).unwrap();
    folder.printed(&["backup", "saved", "--store", &store, "--key-file", "key"]);
    let manifest = fs::read(folder.path().join("saved/manifest.json.sealed")).unwrap();
    assert!(!manifest.windows(4).any(|bytes| bytes == b"acme"), "nothing of it can be read");
    let restore = ["restore", "saved", "--store", "redb:new.redb"];
    assert!(folder.complaint(&restore).contains("--key-file"));
    let wrong = folder.complaint(&[&restore[..], &["--key-file", "other"]].concat());
    assert!(wrong.contains("another key"), "{wrong}");
    let file = folder.path().join("saved/tenants/acme.rally.sealed");
    let mut bytes = fs::read(&file).unwrap();
    let place = bytes.len() / 2;
    bytes[place] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let with_key = [&restore[..], &["--key-file", "key"]].concat();
    let damaged = folder.complaint(&with_key);
    assert!(damaged.contains("damaged"), "{damaged}");
    bytes[place] ^= 1;
    fs::write(&file, &bytes).unwrap();
    assert_eq!(rows(&folder.printed(&with_key))[1][0], "acme");
}

/// Fills a file with a tenant that a backup takes a while to write.
fn large(folder: &Folder) {
    crate::tenant_files::large(&folder.path().join("crm.redb"));
}

/// Waits until a condition holds or a process has ended; true if it still runs.
fn while_running(child: &mut Child, is_so: impl Fn() -> bool) -> bool {
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if is_so() {
            return true;
        }
        std::thread::yield_now();
    }
}

fn started(folder: &Folder, arguments: &[&str]) -> Child {
    rally(folder.path(), arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

#[test]
fn a_backup_that_is_killed_at_any_stage_is_none() {
    let folder = Folder::new();
    large(&folder);
    let store = folder.store();
    let part = folder.path().join("saved.part");
    let acme = part.join("tenants/acme.rally");
    let stages: [&dyn Fn() -> bool; 4] =
        [&|| part.exists(), &|| acme.exists(), &|| size(&acme) > 1 << 20, &|| {
            part.join("manifest.json").exists()
        }];
    let mut killed = 0;
    for stage in stages {
        let mut child = started(&folder, &["backup", "saved", "--store", &store, "--rate", "8"]);
        if while_running(&mut child, stage) {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        if folder.path().join("saved").exists() {
            fs::remove_dir_all(folder.path().join("saved")).unwrap();
            continue;
        }
        killed += 1;
        let complaint = folder.complaint(&["restore", "saved.part", "--store", "redb:new.redb"]);
        assert!(complaint.contains("never finished") || complaint.contains("cannot read"), "{complaint}");
    }
    assert!(killed > 0, "it was killed in the middle");
    folder.printed(&["backup", "saved", "--store", &store]);
    assert!(!part.exists(), "what was left is gone");
    folder.printed(&["restore", "saved", "--store", "redb:new.redb"]);
}

#[test]
fn a_backup_takes_the_place_of_what_one_that_was_killed_has_left_and_of_nothing_else() {
    let folder = Folder::new();
    let store = folder.store();
    folder.printed(&["tenants", "create", "acme", "--store", &store]);
    let part = folder.path().join("saved.part");
    let backup = ["backup", "saved", "--store", &store];
    let left: [&[&str]; 3] = [&[], &["unfinished"], &["unfinished", "manifest.json", "directory.rally"]];
    for names in left {
        fs::create_dir(&part).unwrap();
        names.iter().for_each(|name| fs::write(part.join(name), "left").unwrap());
        folder.printed(&backup);
        assert!(!part.exists(), "{names:?}");
        fs::remove_dir_all(folder.path().join("saved")).unwrap();
    }
    fs::create_dir(&part).unwrap();
    fs::write(part.join("letter"), "of another").unwrap();
    let complaint = folder.complaint(&backup);
    assert!(complaint.contains("cannot make the folder"), "{complaint}");
    assert_eq!(fs::read_to_string(part.join("letter")).unwrap(), "of another");
}

#[cfg(target_os = "linux")]
#[test]
fn a_restore_that_is_killed_leaves_an_empty_store_and_the_next_is_whole() {
    let folder = Folder::new();
    large(&folder);
    let saved = lines(&folder.printed(&["backup", "saved", "--store", &folder.store(), "--json"]));
    let new = folder.path().join("new.redb");
    let restore = ["restore", "saved", "--store", "redb:new.redb", "--json"];
    let mut killed = 0;
    for bytes in [1, 1 << 20, 4 << 20, 8 << 20] {
        crate::tenant_files::killed_at(started(&folder, &restore), bytes);
        let listed = folder.run(&["tenants", "list", "--store", "redb:new.redb"]);
        if rows(&String::from_utf8(listed.stdout).unwrap()).len() > 1 {
            // It had come to its end.
            fs::remove_file(&new).unwrap();
        } else {
            killed += 1;
        }
    }
    assert!(killed > 0, "it was killed in the middle");
    let restored = lines(&folder.printed(&restore));
    assert_eq!(restored.last().unwrap()["rows"], saved.last().unwrap()["rows"]);
    assert_eq!(rows(&folder.printed(&["tenants", "list", "--store", "redb:new.redb"])).len(), 3);
}
