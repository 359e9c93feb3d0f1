//! The file of a server: taken away under it, verified on demand, and written with more care on demand.

use std::fs;

use crate::{running::Folder, serving::contact, wire::Request};

#[test]
fn a_server_whose_file_is_moved_is_not_ready_until_it_is_back() {
    let folder = Folder::new();
    let server = folder.serve(&["--tenant", "acme"]);
    let key = server.key();
    let create = |email: &str| server.send("POST", "/api/contacts", &key, &contact(email)).0;
    assert_eq!(create("a@x.example"), 201);

    let (path, aside) = (folder.path().join("crm.redb"), folder.path().join("aside.redb"));
    fs::rename(&path, &aside).unwrap();
    for _ in 0..20 {
        assert_eq!(create("b@x.example"), 503);
    }
    let ready = Request::get("/readyz", "");
    server.until(503, &ready);
    let log = server.log();
    let told = |level| {
        log.lines().filter(|line| line.contains(level) && line.contains("deleted, moved or replaced")).count()
    };
    // One by the store, and one with the first request that met it.
    assert_eq!((told("ERROR"), told("WARN")), (1, 1), "{log}");

    fs::rename(&aside, &path).unwrap();
    server.until(200, &ready);
    assert_eq!(create("b@x.example"), 201);
}

#[test]
fn a_check_finds_damage_that_nobody_has_read() {
    let folder = Folder::new();
    let store = folder.store();
    folder.serve(&["--tenant", "acme"]).terminate();
    let check = ["tenants", "list", "--store", &store, "--check"];
    assert!(folder.printed(&check).contains("acme"));

    let path = folder.path().join("crm.redb");
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096..].iter_mut().step_by(97).for_each(|byte| *byte ^= 1);
    fs::write(&path, bytes).unwrap();
    let complaint = folder.complaint(&check);
    assert!(
        complaint.contains("is damaged") && complaint.contains("restore it from a backup"),
        "{complaint}"
    );
}

#[test]
fn a_file_of_either_durability_is_recovered_from_its_journal_after_a_crash() {
    for level in ["strict", "standard"] {
        let folder = Folder::new();
        let server = folder.serve(&["--tenant", "acme", "--durability", level]);
        let answer = server.send("POST", "/api/contacts", &server.key(), &contact("a@x.example"));
        assert_eq!(answer.0, 201);
        server.kill();
        let listed = folder.run(&["tenants", "list", "--store", &folder.store()]);
        let told = String::from_utf8(listed.stderr).unwrap();
        assert!(told.contains("being recovered after a crash"), "{level}: {told}");
        assert!(String::from_utf8(listed.stdout).unwrap().contains("acme"), "{level}");
    }
}
