use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

use crate::{
    running::{Folder, Running, rally},
    wire::send,
};

pub(crate) fn contact(email: &str) -> String {
    json!({"firstName": "Ada", "lastName": "Lovelace", "email": email}).to_string()
}

#[test]
fn a_new_store_has_the_tenant_demo_whose_key_is_printed_once() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    assert_eq!(server.ready["tenants"][0]["slug"], "demo");
    assert_eq!(server.ready["store"], folder.store());
    let key = server.key();
    assert!(key.starts_with("rk_live_"));
    assert_eq!(server.send("POST", "/api/v1/contacts", &key, &contact("a@x.example")).0, 201);
    assert_eq!(server.terminate(), Some(0));
    let server = folder.serve(&[]);
    assert_eq!(server.ready["tenants"][0]["apiKey"], Value::Null);
    let (status, list) = server.send("GET", "/api/v1/contacts", &key, "");
    assert_eq!((status, list[0]["email"].as_str()), (200, Some("a@x.example")));
}

#[test]
fn missing_tenants_are_made_and_hosts_name_them() {
    let folder = Folder::new();
    let server = folder.serve(&["--tenant", "acme", "--tenant", "other", "--tenant", "acme"]);
    let tenants = server.ready["tenants"].as_array().unwrap();
    assert_eq!(tenants.iter().map(|tenant| &tenant["slug"]).collect::<Vec<_>>(), ["acme", "other"]);
    let keys: Vec<&str> = tenants.iter().map(|tenant| tenant["apiKey"].as_str().unwrap()).collect();
    let id = server.send("POST", "/api/contacts", keys[0], &contact("a@x.example")).1["id"].clone();
    let path = format!("/api/contacts/{}", id.as_str().unwrap());
    assert_eq!(server.send("GET", &path, keys[0], "").0, 200);
    assert_eq!(server.send("GET", &path, keys[1], "").0, 404);
}

#[test]
fn the_rate_limit_is_the_one_that_was_asked_for() {
    let folder = Folder::new();
    let server = folder.serve(&["--rate-limit", "1"]);
    let key = server.key();
    // The clock may reach the next minute between two requests, but not twice between three.
    let statuses: Vec<u16> = (0..3).map(|_| server.send("GET", "/api/contacts", &key, "").0).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[test]
fn a_source_has_as_many_connections_as_was_asked_for() {
    let folder = Folder::new();
    let server = folder.serve(&["--max-connections-per-source", "1", "--body-budget", "1"]);
    let mut silent = TcpStream::connect(server.address()).unwrap();
    let key = server.key();
    assert_eq!(server.send("GET", "/api/contacts", &key, "").0, 200);
    assert_eq!(silent.read(&mut [0]).unwrap(), 0, "it has made room");
    let large = format!("[{}]", " ".repeat(1 << 20));
    assert_eq!(server.send("POST", "/api/contacts/bulk", &key, &large).0, 503);
}

#[test]
fn a_trusted_proxy_keeps_more_connections_than_another_source_may_have() {
    let folder = Folder::new();
    let server = folder.serve(&["--max-connections-per-source", "1", "--trusted-proxy", "127.0.0.1"]);
    let mut kept = TcpStream::connect(server.address()).unwrap();
    assert_eq!(server.send("GET", "/api/contacts", &server.key(), "").0, 200);
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    kept.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[cfg(unix)]
#[test]
fn connections_stay_below_the_files_that_may_be_open() {
    let folder = Folder::new();
    let program = rally(folder.path(), &["serve", "--json", "--listen", "127.0.0.1:0", "--store", "memory"]);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "ulimit -n 64 && exec \"$@\"", "sh"])
        .arg(program.get_program())
        .args(program.get_args());
    let server = Running::start(shell).unwrap_or_else(|log| panic!("{log}"));
    let key = server.key();
    let silent: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    assert_eq!(server.send("GET", "/api/contacts", &key, "").0, 200);
    assert_eq!(server.log().matches("no connection can be accepted").count(), 0);
    drop(silent);
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_may_open_as_many_files_as_the_system_lets_it() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.process())).unwrap();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let limits: Vec<&str> = files.split_whitespace().collect();
    assert_eq!(limits[0], limits[1], "the limit is where the program may raise it to");
}

#[test]
fn a_fake_is_strict_and_makes_test_keys() {
    let folder = Folder::new();
    let server = folder.start(&["fake", "--json"]);
    let key = server.key();
    assert!(key.starts_with("rk_test_"));
    assert_eq!(server.send("GET", "/api/contacts?page=1", &key, "").0, 400);
    assert_eq!(server.send("GET", "/api/contacts", &key, "").0, 200);
    assert_eq!(server.ready["store"], "memory");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_fake_may_be_named_localhost() {
    let folder = Folder::new();
    let server = folder.start(&["fake", "--json", "--listen", "localhost:0"]);
    assert_eq!(server.send("GET", "/healthz", "", "").0, 200);
}

#[test]
fn nothing_acknowledged_is_missing_after_the_process_was_killed() {
    let folder = Folder::new();
    let server = folder.serve(&["--rate-limit", "0"]);
    let (key, address) = (server.key(), server.address().to_owned());
    let answered = Arc::new(AtomicUsize::new(0));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (key, address, answered) = (key.clone(), address.clone(), Arc::clone(&answered));
            thread::spawn(move || {
                let mut acknowledged = Vec::new();
                for number in 0.. {
                    let email = format!("w{writer}-{number}@x.example");
                    match send(&address, "POST", "/api/contacts", &key, &contact(&email)) {
                        Some((201, _)) => {
                            acknowledged.push(email);
                            answered.fetch_add(1, Ordering::SeqCst);
                        }
                        _ => break,
                    }
                }
                acknowledged
            })
        })
        .collect();
    while answered.load(Ordering::SeqCst) < 100 {
        assert_eq!(server.send("GET", "/api/contacts?limit=1", &key, "").0, 200);
    }
    server.kill();
    let acknowledged: Vec<String> = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();

    let server = folder.serve(&["--rate-limit", "0"]);
    let listed = everything(|offset| {
        server.send("GET", &format!("/api/contacts?limit=37&offset={offset}"), &key, "").1
    });
    let emails: BTreeMap<&str, &str> = listed
        .iter()
        .map(|contact| (contact["email"].as_str().unwrap(), contact["id"].as_str().unwrap()))
        .collect();
    let missing: Vec<&String> =
        acknowledged.iter().filter(|email| !emails.contains_key(email.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?} of {}", acknowledged.len());
    assert_eq!(emails.len(), listed.len());

    let changes = server.send("GET", "/api/sync/changes?after=0", &key, "").1;
    let changes = changes.as_array().unwrap();
    let expected = u64::try_from(listed.len().min(1_000)).unwrap();
    assert!(changes.iter().map(|change| change["id"].as_u64().unwrap()).eq(1..=expected));
    let told: Vec<&Value> = changes.iter().map(|change| &change["entityId"]).collect();
    assert_eq!(told, listed.iter().take(1_000).map(|contact| &contact["id"]).collect::<Vec<_>>());
}

pub(crate) fn everything(page: impl Fn(usize) -> Value) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        match page(all.len()).as_array().unwrap() {
            end if end.is_empty() => return all,
            more => all.extend(more.iter().cloned()),
        }
    }
}
