//! Credentials from the command line, and over a restart.

use std::fs;

use crate::running::{Folder, Running, admin_key, rally, rows};

const USER: &str =
    r#"{"email":"olga@x.example","name":"Olga","scopes":"write","password":"correct horse battery"}"#;
const LOGIN: &str = r#"{"tenant":"acme","email":"olga@x.example","password":"correct horse battery"}"#;

fn log_in(server: &Running) -> String {
    let (status, body) = server.send("POST", "/api/auth/login", "", LOGIN);
    assert_eq!(status, 200, "{body}");
    body["token"].as_str().unwrap().to_owned()
}

#[test]
fn a_token_outlives_a_restart_and_a_rotation_of_the_secret() {
    let folder = Folder::new();
    let store = folder.store();
    let created = folder.printed(&["tenants", "create", "acme", "--store", &store]);
    let admin = &admin_key(&created);
    let server = folder.serve(&[]);
    assert_eq!(server.send("POST", "/api/users", admin, USER).0, 201);
    let old = log_in(&server);
    drop(server);
    let rotated = folder.printed(&["secrets", "rotate", "--store", &store]);
    assert_eq!(rotated.trim().len(), 36, "{rotated}");
    let server = folder.serve(&[]);
    let new = log_in(&server);
    for token in [&old, &new] {
        assert_eq!(server.send("GET", "/api/auth/me", token, "").0, 200);
    }
    let kid = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_ne!(kid(&old), kid(&new), "the new secret signs");
    drop(server);
    folder.printed(&["secrets", "rotate", "--now", "--store", &store]);
    let server = folder.serve(&[]);
    let newest = log_in(&server);
    for (token, status) in [(&old, 401), (&new, 401), (&newest, 200)] {
        assert_eq!(server.send("GET", "/api/auth/me", token, "").0, status);
    }
}

#[test]
fn what_was_done_to_keys_and_users_is_printed() {
    let folder = Folder::new();
    let store = folder.store();
    let created = folder.printed(&["tenants", "create", "acme", "--store", &store]);
    let admin = &admin_key(&created);
    let server = folder.serve(&[]);
    assert_eq!(server.send("POST", "/api/users", admin, USER).0, 201);
    let wrong = LOGIN.replace("battery", "staple");
    assert_eq!(server.send("POST", "/api/auth/login", "", &wrong).0, 401);
    log_in(&server);
    log_in(&server);
    drop(server);
    folder.printed(&["tenants", "set", "acme", "--rate-limit", "5000", "--store", &store]);
    let printed = folder.printed(&["audit", "--store", &store, "--tenant", "acme"]);
    let rows = rows(&printed);
    let told: Vec<[&str; 3]> =
        rows.iter().map(|row| [&row[1], &row[2], &row[3]].map(String::as_str)).collect();
    assert_eq!(
        told,
        [
            ["ACTOR", "SOURCE", "ACTION"],
            ["rally", "-", "apiKey.created"],
            ["apikey:admin", "127.0.0.1", "user.created"],
            ["authentication", "127.0.0.1", "login.failed"],
            ["olga@x.example", "127.0.0.1", "login.succeeded"],
            ["rally tenants set", "-", "tenant.updated"],
        ]
    );
    assert_eq!(rows[3][5..], ["olga@x.example", "1"]);
    assert_eq!(rows[4][5..], ["-", "2"]);
    assert_eq!(rows[5][5..], ["rateLimitPerMinute", "-"]);
}

#[test]
fn a_fake_is_for_this_machine_unless_it_is_told() {
    let folder = Folder::new();
    let complaint = folder.complaint(&["fake", "--listen", "0.0.0.0:0"]);
    assert!(complaint.contains("--allow-remote"), "{complaint}");
}

#[test]
fn a_trusted_proxy_is_an_address_or_a_network() {
    let folder = Folder::new();
    for wrong in ["10.0.0.0/33", "proxy.example", "10.0.0.*", ""] {
        let complaint = folder.complaint(&["serve", "--trusted-proxy", wrong]);
        assert!(complaint.contains("must be an address or a network"), "{wrong}: {complaint}");
    }
}

#[test]
fn an_origin_is_scheme_and_host() {
    let folder = Folder::new();
    for wrong in ["*", "app.example", "https://app.example/x", "ftp://app.example", "https://"] {
        let complaint = folder.complaint(&["serve", "--cors-origin", wrong]);
        assert!(complaint.contains("must be an origin"), "{wrong}: {complaint}");
    }
}

#[test]
fn a_key_that_is_not_to_be_printed_is_in_a_file_of_its_owner() {
    let folder = Folder::new();
    let keys = folder.path().join("keys");
    fs::create_dir(&keys).unwrap();
    let (acme, looms) = (keys.join("acme.key"), keys.join("looms.key"));
    let of_start = ["--key-folder", "keys", "--tenant", "acme"];
    let server = folder.serve(&of_start);
    let told = &server.ready["tenants"][0];
    assert_eq!((told["apiKey"].as_str(), told["keyFile"].as_str()), (None, Some("keys/acme.key")));
    let key = fs::read_to_string(&acme).unwrap();
    assert_eq!(server.send("GET", "/api/v1/api-keys", key.trim_end(), "").0, 200);
    assert!(!server.log().contains(key.trim_end()));
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&acme).unwrap().permissions()) & 0o777,
        0o600
    );
    assert_eq!(server.terminate(), Some(0));

    // A tenant that is there gets no key, and one whose key finds no place is not made.
    let server = folder.serve(&of_start);
    assert_eq!(server.ready["tenants"][0].get("keyFile"), None);
    assert_eq!(server.terminate(), Some(0));
    assert_eq!(fs::read_to_string(&acme).unwrap(), key);
    let store = folder.store();
    let refused = |keys: &str| {
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--store", &store, "--key-folder", keys];
        let started = rally(folder.path(), &[&arguments[..], &["--tenant", "looms"]].concat());
        Running::start(started).err().unwrap()
    };
    fs::write(&looms, "another's").unwrap();
    assert!(refused("keys").contains("there is a key in keys/looms.key already"));
    assert_eq!(fs::read_to_string(&looms).unwrap(), "another's");
    assert!(refused("none").contains("cannot write the key of a new tenant to none/looms.key"));
    let names: Vec<_> = fs::read_dir(&keys).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "no other file is left: {names:?}");
    let listed = rows(&folder.printed(&["tenants", "list", "--store", &store]));
    assert_eq!(listed.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), ["SLUG", "acme"]);
    fs::remove_file(&looms).unwrap();

    let mut command = rally(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--store", &store]);
    command.args(["--tenant", "looms"]).env("RALLY_KEY_FOLDER", "keys");
    let server = Running::start(command).unwrap();
    let line = server.line().unwrap();
    assert_eq!(
        line,
        "tenant looms is new; its admin key is in keys/looms.key; take it from there, and remove the file"
    );
    assert!(fs::read_to_string(&looms).unwrap().starts_with("rk_live_"));

    // A tenant in memory is gone with its server, and so is the use of its key.
    let of_memory =
        ["serve", "--json", "--listen", "127.0.0.1:0", "--store", "memory", "--key-folder", "keys"];
    let mut keys = Vec::new();
    for _ in 0..2 {
        let server = folder.start(&of_memory);
        let key = fs::read_to_string(folder.path().join("keys/demo.key")).unwrap();
        assert_eq!(server.send("GET", "/api/contacts", key.trim_end(), "").0, 200);
        keys.push(key);
    }
    assert_ne!(keys[0], keys[1]);
    let complaint = folder.complaint(&[&of_memory[..], &["--tenant", "../up"]].concat());
    assert!(complaint.contains("a label as in a host name"), "{complaint}");
}
