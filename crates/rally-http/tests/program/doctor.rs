//! `rally doctor`: what it finds, and when it fails.

use rally_testkit::postgres;
use serde_json::Value;

use crate::running::{Folder, Running, rally};

/// What is found, each with its verdict, and whether the command has failed.
fn findings(folder: &Folder, more: &[&str]) -> (Vec<(String, String, String)>, bool) {
    let output = folder.run(&[&["doctor", "--json"], more].concat());
    let printed = String::from_utf8(output.stdout).unwrap();
    let rows = printed.lines().map(|line| {
        let row: Value = serde_json::from_str(line).unwrap();
        ["check", "verdict", "detail"].map(|name| row[name].as_str().unwrap().to_owned()).into()
    });
    let failed = match output.status.code() {
        Some(0) => false,
        Some(2) => true,
        other => panic!("{other:?}"),
    };
    (rows.collect(), failed)
}

#[track_caller]
fn verdict(found: &[(String, String, String)], of: &str, told: &str) -> String {
    let row = found.iter().find(|(check, _, detail)| check == of && detail.contains(told));
    row.unwrap_or_else(|| panic!("{of}: {told} is not among {found:?}")).1.clone()
}

#[test]
fn a_file_is_looked_into_unless_a_server_has_it_open() {
    let folder = Folder::new();
    let store = folder.store();
    let on = ["--store", store.as_str()];
    let (found, failed) = findings(&folder, &on);
    assert!(failed && verdict(&found, "store", "there is no file") == "fault");
    folder.printed(&["tenants", "create", "acme", "--store", &store]);
    let key =
        ["keys", "create", "--store", &store, "--tenant", "acme", "--name", "old", "--expires", "2020-01-01"];
    folder.printed(&key);
    let (found, failed) = findings(&folder, &on);
    assert!(!failed, "{found:?}");
    for (of, told, expected) in [
        ("version", "file format", "ok"),
        ("configuration", "flags", "ok"),
        ("temporary files", "can be made", "ok"),
        ("disk", "MiB are free", "ok"),
        ("file", "of which", "ok"),
        ("tenants", "there are 1", "ok"),
        ("keys", "(old) of acme ended at 2020-01-01", "warning"),
        ("webhooks", "0 are on, 0 off", "ok"),
        ("deliveries", "0 wait", "ok"),
    ] {
        assert_eq!(verdict(&found, of, told), expected, "{of}");
    }
    let server = folder.serve(&[]);
    let (found, failed) = findings(&folder, &on);
    assert!(!failed && verdict(&found, "store", "a server has the file open") == "warning");
    drop(server);
}

#[test]
fn settings_that_cannot_work_are_faults() {
    let folder = Folder::new();
    let memory = ["--store", "memory"];
    let with = |more: &[&str]| findings(&folder, &[&memory, more].concat());
    let (found, failed) = with(&["--tls-cert", "no.crt", "--tls-key", "no.key"]);
    assert!(failed && verdict(&found, "configuration", "no.crt") == "fault");
    let (found, failed) = with(&["--listen", "0.0.0.0:1"]);
    assert!(!failed && verdict(&found, "configuration", "cross the network") == "warning");
}

#[test]
fn a_database_is_asked_for_its_settings() {
    let Some(url) = postgres::shared().map(|database| database.fresh_url()) else { return };
    let folder = Folder::new();
    folder.printed(&["tenants", "create", "acme", "--store", &url]);
    let (found, _) = findings(&folder, &["--store", &url]);
    assert_eq!(verdict(&found, "database", "PostgreSQL "), "ok");
    assert_eq!(verdict(&found, "standbys", "commits wait for no standby"), "warning");
    verdict(&found, "connections", "at most");
    verdict(&found, "durability", "");
    assert_eq!(verdict(&found, "clock", "agrees with this machine's"), "ok");
}

#[test]
fn a_server_that_has_nowhere_for_temporary_files_says_so_and_does_the_rest() {
    let folder = Folder::new();
    let store = folder.store();
    let serve = ["serve", "--json", "--listen", "127.0.0.1:0", "--tenant", "acme", "--store", &store];
    let mut command = rally(folder.path(), &serve);
    command.env("TMPDIR", "/nonexistent");
    let server = Running::start(command).unwrap();
    assert!(server.log().contains("/nonexistent: No such file or directory"), "{}", server.log());
    let key = server.key();
    let (status, problem) = server.send("GET", "/api/importexport/contacts/export/excel", &key, "");
    assert_eq!((status, &problem["code"]), (503, &Value::from("unavailable")));
    assert_eq!(server.send("GET", "/api/importexport/contacts/export", &key, "").0, 200);
    drop(server);
    let (found, failed) = findings(&folder, &["--store", &store, "--temporary-folder", "/nonexistent"]);
    assert!(failed && verdict(&found, "temporary files", "--temporary-folder") == "fault", "{found:?}");
}
