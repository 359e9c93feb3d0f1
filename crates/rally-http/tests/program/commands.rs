use crate::running::Folder;

#[test]
fn tenants_and_keys_are_made_on_a_file_and_open_a_server_on_it() {
    let folder = Folder::new();
    let store = folder.store();
    let created = folder.printed(&["tenants", "create", "acme", "--store", &store]);
    let admin = created.lines().nth(1).unwrap();
    assert!(created.starts_with("acme\t") && admin.starts_with("rk_live_"), "{created}");
    assert!(folder.printed(&["tenants", "list", "--store", &store]).starts_with("acme\t"));
    let made = folder.printed(&["keys", "create", "--store", &store, "--tenant", "acme", "--name", "robot"]);
    let server = folder.serve(&[]);
    assert_eq!(server.ready["tenants"][0]["apiKey"], serde_json::Value::Null);
    let body = r#"{"firstName":"A","lastName":"B","email":"a@x.example"}"#;
    assert_eq!(server.send("POST", "/api/contacts", made.trim(), body).0, 403);
    assert_eq!(server.send("POST", "/api/contacts", admin, body).0, 201);
    assert_eq!(server.send("GET", "/api/contacts", made.trim(), "").0, 200);
}

#[test]
fn what_is_wrong_is_said_in_a_sentence_with_the_mend() {
    let folder = Folder::new();
    let store = folder.store();
    let tenant =
        |slug| ["keys", "create", "--store", &store, "--name", "n", "--tenant", slug].map(str::to_owned);
    let complain =
        |arguments: &[String]| folder.complaint(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(
        complain(&tenant("acme")),
        "rally: there is no tenant \"acme\"; create it with `rally tenants create acme`\n"
    );
    folder.printed(&["tenants", "create", "acme", "--store", &store]);
    assert_eq!(complain(&tenant("other")), "rally: there is no tenant \"other\"; there are acme\n");
    assert_eq!(
        folder.complaint(&["tenants", "create", "acme", "--store", &store]),
        "rally: another tenant has this slug\n"
    );
    let bad_scope = [&tenant("acme")[..], &["--scopes".to_owned(), "root".to_owned()]].concat();
    assert!(complain(&bad_scope).contains("use read, write or admin"));
    for (arguments, mend) in [
        (&["tenants", "create", "Acme", "--store", &store][..], "lower-case letters"),
        (&["tenants", "list", "--store", "memory"], "--store redb:PATH"),
        (&["tenants", "list", "--store", "sqlite:x"], "use redb:PATH, postgres://URL or memory"),
        (&["serve", "--store", "redb:no/such/folder/x.redb"], "does not exist"),
        (&["serve", "--store", "memory", "--listen", "nowhere"], "--listen"),
        (&["serve", "--store", "memory", "--listen", "192.0.2.1:80"], "choose another with --listen"),
        (&["fake", "--listen", "0.0.0.0:0"], "use 127.0.0.1"),
        (&["serve", "--store", "memory", "--tenant", "No Good"], "cannot create the tenant"),
    ] {
        let complaint = folder.complaint(arguments);
        assert!(complaint.contains(mend), "{arguments:?}: {complaint}");
    }
}

#[test]
fn a_file_that_a_server_has_is_not_opened_twice() {
    let folder = Folder::new();
    let _server = folder.serve(&[]);
    let complaint = folder.complaint(&["tenants", "list", "--store", &folder.store()]);
    assert!(complaint.contains("in use by another process"), "{complaint}");
}

#[test]
fn a_file_that_is_no_store_is_left_alone() {
    let folder = Folder::new();
    let path = folder.path().join("crm.redb");
    std::fs::write(&path, "name,email\n").unwrap();
    folder.complaint(&["tenants", "list", "--store", &folder.store()]);
    assert_eq!(std::fs::read_to_string(path).unwrap(), "name,email\n");
}
