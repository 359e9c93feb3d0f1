use rally_store_redb::{Options, RedbStore};
use serde_json::{Value, json};

use crate::running::{Folder, admin_key, rows};

#[test]
fn tenants_and_keys_are_made_on_a_file_and_open_a_server_on_it() {
    let folder = Folder::new();
    let store = folder.store();
    let created = rows(&folder.printed(&["tenants", "create", "acme", "--store", &store]));
    let [header, acme] = &created[..] else { panic!("{created:?}") };
    assert_eq!(header[..], ["SLUG", "ID", "API KEY"]);
    let admin = acme[2].as_str();
    assert!(acme[0] == "acme" && admin.starts_with("rk_live_"), "{created:?}");
    let listed = rows(&folder.printed(&["tenants", "list", "--store", &store]));
    assert_eq!(listed, [vec!["SLUG", "ID"], vec!["acme", &acme[1]]]);
    let made = folder.printed(&["keys", "create", "--store", &store, "--tenant", "acme", "--name", "robot"]);
    let server = folder.serve(&[]);
    assert_eq!(server.ready["tenants"][0]["apiKey"], Value::Null);
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
    let expiring = ["--name", "night\tly", "--scopes", "read,write", "--expires", "2099-01-01"];
    let made = folder.printed(&with(&of("create"), &expiring));
    let listed = rows(&folder.printed(&of("list")));
    let [header, admin, robot] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!(header[..], ["ID", "KEY PREFIX", "NAME", "SCOPES", "STATE", "EXPIRES AT", "LAST USED AT"]);
    assert_eq!(admin[2..], ["admin", "admin", "active", "never", "never"]);
    let end = "2099-01-01T00:00:00.000000Z";
    assert_eq!(robot[1..], [made.get(..12).unwrap(), "night ly", "read,write", "active", end, "never"]);

    let revoked = folder.printed(&with(&of("revoke"), &[&robot[0]]));
    let mut expected = robot.clone();
    expected[4] = "revoked".to_owned();
    assert_eq!(rows(&revoked), [header.clone(), expected]);
    assert_eq!(folder.printed(&with(&of("revoke"), &[&robot[0]])), revoked);
    let complaint = folder.complaint(&with(&of("revoke"), &[&admin[0]]));
    assert!(complaint.contains("last admin credential that works; make another"), "{complaint}");
    assert!(folder.complaint(&with(&of("revoke"), &["robot"])).contains("robot"));
    let nobody = "0190c000-0000-7000-8000-000000000000";
    assert!(folder.complaint(&with(&of("revoke"), &[nobody])).contains("there is no such"));
    assert!(
        folder.complaint(&["keys", "list", "--store", &store, "--tenant", "x"]).contains("there are acme")
    );

    let server = folder.serve(&[]);
    assert_eq!(server.send("GET", "/api/contacts", made.trim(), "").0, 401);
    assert_eq!(server.send("GET", "/api/contacts", &admin_key(&created), "").0, 200);
    drop(server);
    let listed = rows(&folder.printed(&of("list")));
    assert!(listed[1][6].ends_with('Z'), "{listed:?}");
    assert_eq!((listed[2][4].as_str(), listed[2][6].as_str()), ("revoked", "never"));
}

#[test]
fn a_tenants_settings_are_set_and_served() {
    let folder = Folder::new();
    let store = folder.store();
    let set = |more| with(&["tenants", "set", "--store", &store], more);
    let created = folder.printed(&["tenants", "create", "acme", "--store", &store]);
    let key = admin_key(&created);
    for (arguments, settings) in [
        (&["acme", "--rate-limit", "7"][..], ["7", "default"]),
        (&["acme", "--profile", "documented"], ["7", "documented"]),
        (&["acme", "--rate-limit", "default", "--profile", "default"], ["default", "default"]),
        (&["acme", "--rate-limit", "2", "--profile", "strict"], ["2", "strict"]),
    ] {
        let printed = rows(&folder.printed(&set(arguments)));
        assert_eq!(printed[0][2..], ["RATE LIMIT PER MINUTE", "PROFILE"]);
        assert_eq!(printed[1][2..], settings, "{arguments:?}");
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
    assert_eq!(server.send("GET", "/api/contacts?nothing=1", &key, "").0, 400, "the profile is strict");
}

#[test]
fn programs_get_a_line_of_json_for_each_row() {
    let folder = Folder::new();
    let store = folder.store();
    let printed = |command: &[&str]| -> Vec<Value> {
        let printed = folder.printed(&with(command, &["--json", "--store", &store]));
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let created = printed(&["tenants", "create", "acme"]);
    let id = &created[0]["id"];
    assert!(created[0]["apiKey"].as_str().unwrap().starts_with("rk_live_"));
    assert_eq!(printed(&["tenants", "list"]), [json!({"slug": "acme", "id": id})]);
    let settings = json!({"slug": "acme", "id": id, "rateLimitPerMinute": 7, "profile": null});
    assert_eq!(printed(&["tenants", "set", "acme", "--rate-limit", "7"]), [settings]);
    let of = |verb| ["keys", verb, "--tenant", "acme"];
    let made = printed(&with(&of("create"), &["--name", "robot"]));
    assert!(made[0]["key"].as_str().unwrap().starts_with("rk_live_"));
    let listed = printed(&of("list"));
    assert_eq!((listed.len(), &listed[1]["id"], &listed[1]["lastUsedAt"]), (2, &made[0]["id"], &Value::Null));
    let revoked = printed(&with(&of("revoke"), &[made[0]["id"].as_str().unwrap()]));
    assert_eq!(revoked[0]["state"], "revoked");
    let audit = printed(&["audit", "--tenant", "acme"]);
    assert!(audit.iter().any(|entry| entry["targetId"] == made[0]["id"] && entry["source"].is_null()));
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
