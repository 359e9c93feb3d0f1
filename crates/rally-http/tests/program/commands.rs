use rally_store_redb::{Options, RedbStore};

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

fn with<'a>(command: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [command, more].concat()
}

#[test]
fn keys_are_listed_and_revoked_and_then_open_nothing() {
    let folder = Folder::new();
    let store = folder.store();
    let of = |verb| ["keys", verb, "--store", &store, "--tenant", "acme"];
    let created = folder.printed(&["tenants", "create", "acme", "--store", &store]);
    let made = folder.printed(&with(&of("create"), &["--name", "night\tly", "--scopes", "read,write"]));
    let listed = folder.printed(&of("list"));
    let lines: Vec<Vec<&str>> = listed.lines().map(|line| line.split('\t').collect()).collect();
    let [admin, robot] = &lines[..] else { panic!("{listed}") };
    assert_eq!(admin[2..], ["admin", "admin", "active", "never"]);
    assert_eq!(robot[1..], [made.get(..12).unwrap(), "night ly", "read,write", "active", "never"]);

    let revoked = folder.printed(&with(&of("revoke"), &[robot[0]]));
    assert_eq!(revoked, listed.lines().nth(1).unwrap().replace("active", "revoked") + "\n");
    assert_eq!(folder.printed(&with(&of("revoke"), &[robot[0]])), revoked);
    let complaint = folder.complaint(&with(&of("revoke"), &[admin[0]]));
    assert!(complaint.contains("last admin credential that works; make another"), "{complaint}");
    assert!(folder.complaint(&with(&of("revoke"), &["robot"])).contains("robot"));
    let nobody = "0190c000-0000-7000-8000-000000000000";
    assert!(folder.complaint(&with(&of("revoke"), &[nobody])).contains("there is no such"));
    assert!(
        folder.complaint(&["keys", "list", "--store", &store, "--tenant", "x"]).contains("there are acme")
    );

    let server = folder.serve(&[]);
    assert_eq!(server.send("GET", "/api/contacts", made.trim(), "").0, 401);
    assert_eq!(server.send("GET", "/api/contacts", created.lines().nth(1).unwrap(), "").0, 200);
    drop(server);
    let listed = folder.printed(&of("list"));
    assert!(listed.lines().next().unwrap().ends_with('Z'), "{listed}");
    assert!(listed.lines().nth(1).unwrap().ends_with("revoked\tnever"), "{listed}");
}

#[test]
fn a_tenants_settings_are_set_and_served() {
    let folder = Folder::new();
    let store = folder.store();
    let set = |more| with(&["tenants", "set", "--store", &store], more);
    let created = folder.printed(&["tenants", "create", "acme", "--store", &store]);
    let (name, key) = (created.lines().next().unwrap(), created.lines().nth(1).unwrap());
    for (arguments, settings) in [
        (&["acme", "--rate-limit", "7"][..], "7\tdefault"),
        (&["acme", "--profile", "documented"], "7\tdocumented"),
        (&["acme", "--rate-limit", "default", "--profile", "default"], "default\tdefault"),
        (&["acme", "--rate-limit", "2", "--profile", "strict"], "2\tstrict"),
    ] {
        assert_eq!(folder.printed(&set(arguments)), format!("{name}\t{settings}\n"), "{arguments:?}");
    }
    for (arguments, mend) in [
        (&["acme"][..], "--rate-limit"),
        (&["acme", "--rate-limit", "many"], "--rate-limit"),
        (&["acme", "--profile", "lax"], "documented, strict"),
        (&["other", "--profile", "strict"], "there are acme"),
    ] {
        let complaint = folder.complaint(&set(arguments));
        assert!(complaint.contains(mend), "{arguments:?}: {complaint}");
    }
    let server = folder.serve(&[]);
    assert_eq!(server.send("GET", "/api/contacts?nothing=1", key, "").0, 400, "the profile is strict");
}

#[test]
fn what_is_wrong_is_said_in_a_sentence_with_the_mend() {
    let folder = Folder::new();
    let store = folder.store();
    let tenant =
        |slug| ["keys", "create", "--store", &store, "--name", "n", "--tenant", slug].map(str::to_owned);
    let complain =
        |arguments: &[String]| folder.complaint(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    drop(RedbStore::open(folder.path().join("crm.redb"), Options::default()).unwrap());
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
        (&["serve", "--store", "memory", "--log", "loud"], "error, warn, info, debug, trace, off"),
        (&["serve", "--store", "memory", "--host-suffix", "https://x.example"], "without scheme, port"),
    ] {
        let complaint = folder.complaint(arguments);
        assert!(complaint.contains(mend), "{arguments:?}: {complaint}");
    }
}

#[test]
fn a_slip_in_the_name_of_a_file_makes_none() {
    let folder = Folder::new();
    let store = folder.store();
    for command in [
        &["tenants", "list"][..],
        &["tenants", "set", "acme", "--rate-limit", "7"],
        &["keys", "list", "--tenant", "acme"],
        &["keys", "create", "--tenant", "acme", "--name", "robot"],
        &["audit", "--tenant", "acme"],
        &["secrets", "rotate"],
    ] {
        let complaint = folder.complaint(&with(command, &["--store", &store]));
        assert!(complaint.contains("there is no file"), "{command:?}: {complaint}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{command:?}");
    }
}

#[test]
fn each_shell_gets_its_completions() {
    let folder = Folder::new();
    for (shell, sign) in [("bash", "complete -F"), ("zsh", "#compdef rally"), ("fish", "complete -c rally")] {
        let script = folder.printed(&["completions", shell]);
        assert!(script.contains(sign) && script.contains("host-suffix"), "{shell}");
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
