//! `rally` on a store in PostgreSQL.

use rally_core::{ApiKeyDraft, Engine, TenantDraft, store::MemoryStore};
use rally_testkit::postgres::{self, Server, Setup};
use serde_json::Value;
use tokio_postgres::NoTls;

use crate::{
    running::{Folder, Running, admin_key, rally},
    serving::contact,
    wire::Request,
};

const SERVE: [&str; 4] = ["serve", "--json", "--listen", "127.0.0.1:0"];

/// Starts a server on a store that is given as a URL with a password is.
#[track_caller]
fn serve(folder: &Folder, url: &str, more: &[&str]) -> Running {
    let mut command = rally(folder.path(), &[&SERVE, more].concat());
    let started = Running::start({
        command.env("RALLY_STORE", url);
        command
    });
    started.unwrap_or_else(|log| panic!("{log}"))
}

/// Runs a statement as the administrator of the database.
fn execute(url: &str, statement: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        let (done, _) = tokio::join!(
            async {
                let done = client.batch_execute(statement).await;
                drop(client);
                done
            },
            connection
        );
        done.unwrap();
    });
}

/// The name of the schema in a URL.
fn schema(url: &str) -> &str {
    url.rsplit("schema=").next().unwrap()
}

/// The problem of a store that is away.
#[track_caller]
fn assert_unavailable(server: &Running, request: &Request<'_>) {
    let answer = server.until(503, request);
    assert_eq!(answer.header("Content-Type"), "application/problem+json");
    assert_eq!((&answer.body["code"], answer.header("Retry-After")), (&Value::from("unavailable"), "1"));
    assert_eq!(answer.body["detail"], "the store cannot answer at present; try again");
}

#[test]
fn tenants_and_keys_are_made_while_servers_run() {
    let Some(database) = postgres::shared() else { return };
    let (folder, url) = (Folder::new(), database.fresh_url());
    let first = serve(&folder, &url, &[]);
    assert_eq!(first.ready["tenants"][0]["slug"], "demo");
    let created = folder.printed(&["tenants", "create", "acme", "--store", &url]);
    let admin = &admin_key(&created);
    let create = ["keys", "create", "--store", &url, "--tenant", "acme", "--name", "robot"];
    let robot = folder.printed(&create);
    let listed = folder.printed(&["tenants", "list", "--store", &url, "--store-connections", "1"]);
    assert!(listed.contains("\ndemo\t") && listed.contains("\nacme\t"), "{listed}");
    let second = serve(&folder, &url, &["--store-connections", "2"]);
    assert_eq!(second.ready["tenants"][1]["apiKey"], Value::Null);
    assert_eq!(first.send("POST", "/api/contacts", admin, &contact("a@x.example")).0, 201);
    assert_eq!(second.send("GET", "/api/contacts", robot.trim(), "").1[0]["email"], "a@x.example");
    assert_eq!(second.terminate(), Some(0));
}

#[test]
fn what_is_wrong_with_a_database_is_said_in_a_sentence() {
    let setup = Setup { password: Some("hush"), ..Setup::default() };
    let Some(server) = Server::start_with(&setup) else { return };
    let folder = Folder::new();
    let newer = server.fresh_url();
    folder.printed(&["tenants", "create", "acme", "--store", &newer]);
    execute(&server.url(), &format!("UPDATE {}.rally_schema SET version = 99", schema(&newer)));
    let away = server.fresh_url().replace(&server.port().to_string(), "1");
    for (url, says) in [
        (server.database().with_password("whisper").fresh_url(), "check user, password and database"),
        (server.fresh_url().replace("///postgres?", "///nowhere?"), "check user, password and database"),
        (newer, "are of version 99, this program knows 1"),
        (format!("{}&sslmode=off", server.url()), "sslmode=off is none of"),
        (server.url().replace("postgres:///", "postgres:/"), "does not begin with postgres://"),
        (server.url().replace("postgres://", "postgress://"), "use redb:PATH, postgres://URL or memory"),
        (away.clone(), "no PostgreSQL answers at"),
    ] {
        let mut commands = vec![
            vec!["tenants", "list", "--store", &url],
            vec!["tenants", "create", "acme", "--store", &url],
            vec!["keys", "create", "--tenant", "acme", "--name", "n", "--store", &url],
        ];
        if url != away {
            commands.push(vec!["serve", "--listen", "127.0.0.1:0", "--store", &url]);
        }
        for command in commands {
            let complaint = folder.complaint(&command);
            assert!(complaint.starts_with("rally: ") && complaint.contains(says), "{complaint}");
            assert_eq!(complaint.lines().count(), 1, "{complaint}");
            assert!(!complaint.contains("hush") && !complaint.contains("whisper"), "{complaint}");
        }
    }
}

#[test]
fn help_does_not_tell_what_the_store_is() {
    let folder = Folder::new();
    for command in [&["serve", "--help"][..], &["tenants", "list", "--help"], &["serve", "--help", "--json"]]
    {
        let output =
            rally(folder.path(), command).env("RALLY_STORE", "postgres://u:hush@h/d").output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.contains("RALLY_STORE") && !help.contains("hush"), "{help}");
    }
}

#[test]
fn a_database_that_goes_away_and_comes_back_needs_no_restart() {
    let Some(database) = Server::start() else { return };
    let folder = Folder::new();
    let server = serve(&folder, &database.fresh_url(), &["--rate-limit", "0"]);
    let key = server.key();
    let write = |email: &str| {
        let body = contact(email);
        server.send("POST", "/api/v1/contacts", &key, &body).0
    };
    assert_eq!(write("a@x.example"), 201);
    for round in 0..2 {
        if round == 0 {
            database.stop()
        } else {
            database.kill()
        }
        for path in ["/readyz", "/api/v1/contacts", "/api/v1/sync/changes?after=0"] {
            assert_unavailable(&server, &Request::get(path, &key));
        }
        let body = contact("b@x.example");
        let post = Request { method: "POST", path: "/api/v1/contacts", key: &key, once: "", body: &body };
        assert_unavailable(&server, &post);
        assert_eq!(server.send("GET", "/healthz", "", "").0, 200);
        database.restart();
        server.until(200, &Request::get("/readyz", ""));
        assert_eq!(write(&format!("again{round}@x.example")), 201);
    }
    let listed = server.send("GET", "/api/v1/contacts?fields=email", &key, "").1;
    assert_eq!(listed.as_array().map(Vec::len), Some(3), "{listed}");
}

/// A key in the form that keys have, of a tenant that only this test knows.
fn unknown_key() -> String {
    let engine = Engine::new(MemoryStore::new());
    let nobody = engine.create_tenant(&TenantDraft::new("nobody")).unwrap();
    nobody.trusted_session("test").unwrap().api_keys().mint(&ApiKeyDraft::new("x")).unwrap().key
}

#[test]
fn a_server_that_starts_before_its_database_makes_the_tenants_later() {
    let setup = Setup { password: Some("hush"), ..Setup::default() };
    let Some(database) = Server::start_with(&setup) else { return };
    let url = database.fresh_url();
    database.stop();
    let folder = Folder::new();
    let server = serve(&folder, &url, &["--tenant", "acme", "--tenant", "other"]);
    assert_eq!(server.ready["tenants"], Value::Array(Vec::new()));
    assert_eq!(server.send("GET", "/healthz", "", "").0, 200);
    assert_unavailable(&server, &Request::get("/readyz", ""));
    let unknown = unknown_key();
    assert_unavailable(&server, &Request::get("/api/v1/contacts", &unknown));
    assert!(server.log().contains("WARN"), "{}", server.log());
    database.restart();
    let again: Value = serde_json::from_str(&server.line().unwrap()).unwrap();
    assert_eq!(again["url"], server.ready["url"]);
    let tenants = again["tenants"].as_array().unwrap();
    assert_eq!(tenants.iter().map(|tenant| &tenant["slug"]).collect::<Vec<_>>(), ["acme", "other"]);
    server.until(200, &Request::get("/readyz", ""));
    for tenant in tenants {
        let key = tenant["apiKey"].as_str().unwrap();
        assert_eq!(server.send("POST", "/api/v1/contacts", key, &contact("a@x.example")).0, 201);
        assert!(!server.log().contains(key));
    }
    assert!(!server.log().contains("hush"), "{}", server.log());
}

#[test]
fn people_read_that_the_store_is_waited_for_and_then_the_tenants() {
    let Some(database) = Server::start() else { return };
    let url = database.fresh_url();
    database.stop();
    let folder = Folder::new();
    let mut command = rally(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    command.env("RALLY_STORE", &url);
    let server = Running::start(command).unwrap();
    let first = server.ready.as_str().unwrap();
    assert!(first.contains(", and the database ") && first.ends_with(" does not answer yet"), "{first}");
    database.restart();
    assert!(server.line().unwrap().starts_with("Rally is ready at http://127.0.0.1:"));
    let tenant = server.line().unwrap();
    assert!(tenant.starts_with("tenant demo is new; its admin key, shown only now: rk_live_"), "{tenant}");
}

#[test]
fn a_server_that_waits_for_its_database_can_be_stopped() {
    let Some(database) = Server::start() else { return };
    let url = database.fresh_url();
    database.stop();
    let folder = Folder::new();
    assert_eq!(serve(&folder, &url, &[]).terminate(), Some(0));
}

#[test]
fn a_store_moves_from_a_file_to_a_database() {
    let Some(database) = postgres::shared() else { return };
    let folder = Folder::new();
    let store = folder.store();
    let key = admin_key(&folder.printed(&["tenants", "create", "acme", "--store", &store]));
    let server = folder.serve(&[]);
    let (_, ada) = server.send("POST", "/api/contacts", &key, &contact("a@x.example"));
    assert_eq!(server.terminate(), Some(0));
    folder.printed(&["tenants", "export", "acme", "acme.rally", "--store", &store, "--all"]);
    folder.printed(&["backup", "saved", "--store", &store]);
    let [by_file, by_backup] = [database.fresh_url(), database.fresh_url()];
    folder.printed(&["tenants", "import", "acme.rally", "--moved", "--store", &by_file]);
    folder.printed(&["restore", "saved", "--store", &by_backup]);
    let path = format!("/api/contacts/{}", ada["id"].as_str().unwrap());
    for (url, passes_on) in [(by_file, false), (by_backup, true)] {
        let server = serve(&folder, &url, &[]);
        assert_eq!(server.send("GET", &path, &key, ""), (200, ada.clone()));
        assert_eq!(server.send("POST", "/api/contacts", &key, &contact("b@x.example")).0, 201);
        let (_, new) = server.send("GET", "/api/sync/changes?after=1", &key, "");
        assert_eq!(new.as_array().unwrap().len(), 1, "{new}");
        assert_eq!(new[0]["id"].as_u64().unwrap() > 2, passes_on, "{new}");
        drop(server);
        assert_eq!(folder.run(&["check", "--store", &url]).status.code(), Some(0));
    }
    // Beside servers, a backup of a database is read by the command itself.
    let url = database.fresh_url();
    let _server = serve(&folder, &url, &["--tenant", "acme"]);
    assert!(folder.printed(&["backup", "again", "--store", &url]).contains("\nacme\t"));
}
