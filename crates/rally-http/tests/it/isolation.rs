//! Two tenants of equal shape: whatever id of one stands in a request of the other, the answer is the one for an id that
//! nothing has, byte for byte, and nothing of the first is touched.

use axum::http::Method;
use rally_core::Kind;
use serde_json::{Value, json};

use crate::resources::{CONTACTS, RESOURCES, Resource};
use crate::support::{Answer, Api, Ask, NOWHERE, Setting, World, with};

/// The resources that go out to files and come in from them.
const FILES: [&str; 4] = ["contacts", "companies", "deals", "activities"];

/// Two tenants without a limit to their requests.
fn unlimited() -> World {
    let engine = rally_core::Config { requests_per_minute: 0, ..rally_core::Config::default() };
    World::of(Api::with(Setting { engine, ..Setting::default() }))
}

/// The lists that a tenant has: of every kind but the tenants themselves.
fn lists() -> impl Iterator<Item = String> {
    Kind::ALL.iter().filter(|kind| **kind != Kind::Tenant).map(|kind| format!("/api/v1/{}", kind.plural()))
}

/// All ids that the other tenant has: at least one of each kind, and those of stages.
fn foreign_ids(world: &World) -> Vec<String> {
    let api = &world.api;
    let ask = |ask: Ask<'_>| ask.key(&api.other).send();
    for resource in RESOURCES {
        let body = world.fill_foreign(resource.least).replace('#', &world.next());
        ask(api.post(&resource.path(), body)).is(201);
    }
    let mut ids: Vec<String> = world.foreign_ids().map(str::to_owned).collect();
    for list in lists() {
        let listed = ask(api.get(&list)).is(200).items();
        assert!(!listed.is_empty(), "{list}");
        ids.extend(listed.iter().map(|record| record["id"].as_str().unwrap().to_owned()));
    }
    ids.sort();
    ids.dedup();
    ids
}

/// All that the other tenant can see of itself.
fn state(api: &Api) -> Vec<String> {
    let others = ["/api/v1/settings", "/api/v1/sync/changes?since=2020-01-01"];
    let paths = lists().chain(others.map(str::to_owned));
    paths.map(|path| api.get(&path).key(&api.other).send().is(200).body).collect()
}

/// An answer without the id that was asked with.
fn told(answer: &Answer, id: &str) -> String {
    let mut headers: Vec<String> =
        answer.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    headers.sort();
    format!("{} {headers:?} {}", answer.status, answer.body).replace(id, "…")
}

/// Checks that a request answers each foreign id as it does one that nothing has.
fn check<'a>(ids: &[String], what: &str, ask: impl Fn(&str) -> Ask<'a>) {
    let nothing = told(&ask(NOWHERE).send(), NOWHERE);
    for id in ids {
        assert_eq!(told(&ask(id).send(), id), nothing, "{what} with {id}");
    }
}

/// The methods and paths of the document that have an id in them.
fn paths_of_one(api: &Api) -> Vec<(Method, String)> {
    let document: Value = api.get("/openapi.json").send().value();
    let paths = document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.contains("{id}"));
    let methods =
        |item: &Value| item.as_object().unwrap().keys().map(|name| name.to_uppercase()).collect::<Vec<_>>();
    let each =
        paths.flat_map(|(path, item)| methods(item).into_iter().map(move |method| (method, path.clone())));
    each.map(|(method, path)| (method.parse().unwrap(), path)).collect()
}

/// A path of the document with an id wherever it has one.
fn of_one(path: &str, id: &str) -> String {
    path.replace("{id}", id).replace("{deliveryId}", id)
}

#[test]
fn a_foreign_id_in_a_path_is_no_id() {
    let world = unlimited();
    let (api, ids) = (&world.api, foreign_ids(&world));
    let (before, paths) = (state(api), paths_of_one(api));
    assert!(paths.len() > 25, "{paths:?}");
    for (method, path) in paths {
        let body =
            if path.ends_with("/stage") { world.fill(r#"{"stageId":"<lead>"}"#) } else { "{}".to_owned() };
        check(&ids, &format!("{method} {path}"), |id| {
            api.ask(method.clone(), &of_one(&path, id)).json(body.clone())
        });
        check(&ids, &format!("{method} {path} If-Match"), |id| {
            api.ask(method.clone(), &of_one(&path, id)).json(body.clone()).header("If-Match", "*")
        });
    }
    assert_eq!(state(api), before);
}

#[test]
fn a_foreign_id_in_a_body_is_no_id() {
    let world = unlimited();
    let (api, ids) = (&world.api, foreign_ids(&world));
    let before = state(api);
    for resource in RESOURCES {
        let own = resource.create(&world, &world.next()).id();
        let (path, body) = (resource.path(), resource.body(&world, &world.next()));
        for (member, _) in resource.references() {
            let with_id = |id: &str| with(&body, &member, id);
            check(&ids, &format!("POST {path} {member}"), |id| api.post(&path, with_id(id)));
            check(&ids, &format!("PUT {path} {member}"), |id| {
                api.put(&resource.at(&own), json!({member.as_str(): id}).to_string())
            });
            if resource.bulk {
                check(&ids, &format!("bulk {path} {member}"), |id| {
                    api.post(&format!("{path}/bulk"), format!("[{}]", with_id(id)))
                });
            }
            if resource.upsert {
                check(&ids, &format!("upsert {path} {member}"), |id| {
                    api.put(&format!("{path}/upsert"), with_id(id))
                });
            }
        }
    }
    let deal = world.fill("/api/v1/deals/<deal>/stage");
    check(&ids, "a stage", |id| api.patch(&deal, json!({"stageId": id}).to_string()));
    assert_eq!(state(api), before);
}

#[test]
fn a_foreign_id_in_a_filter_finds_nothing() {
    let world = unlimited();
    let (api, ids) = (&world.api, foreign_ids(&world));
    let of_resource = |resource: &'static Resource| {
        let by_id = resource.filters.iter().filter(|(_, value, _)| value.starts_with('<'));
        by_id.map(|(filter, _, _)| (resource.path(), *filter))
    };
    let audit = ("/api/v1/audit".to_owned(), "targetId");
    for (list, filter) in RESOURCES.iter().flat_map(of_resource).chain([audit]) {
        check(&ids, &format!("{list} {filter}"), |id| api.get(&format!("{list}?{filter}={id}&count=true")));
    }
}

#[test]
fn a_foreign_id_in_a_file_is_no_id() {
    let world = unlimited();
    let (api, ids) = (&world.api, foreign_ids(&world));
    let before = state(api);
    for resource in RESOURCES.iter().filter(|resource| FILES.contains(&resource.noun)) {
        let path = format!("/api/v1/importexport/{}", resource.noun);
        let import = |query: &str, file: String| {
            api.post(&format!("{path}/import{query}"), file).header("Content-Type", "text/csv")
        };
        let whole: Value = serde_json::from_str(&resource.body(&world, &world.next())).unwrap();
        let required = whole.as_object().unwrap().iter();
        let (names, cells): (Vec<_>, Vec<_>) =
            required.map(|(name, value)| (name.clone(), value.to_string())).unzip();
        let file = |member: &str, id: &str| {
            let at = names.iter().position(|name| name == member);
            let mut cells = cells.clone();
            match at {
                Some(at) => id.clone_into(&mut cells[at]),
                None => cells.push(id.to_owned()),
            }
            let more = if at.is_none() { format!(",{member}") } else { String::new() };
            format!("{}{more}\n{}\n", names.join(","), cells.join(","))
        };
        for (member, _) in resource.references() {
            check(&ids, &format!("{path} {member}"), |id| import("", file(&member, id)));
        }
        check(&ids, &format!("{path} id"), |id| import("?mode=update&key=id", file("id", id)));
        for (filter, _, _) in resource.filters.iter().filter(|(_, value, _)| value.starts_with('<')) {
            check(&ids, &format!("{path} {filter}"), |id| api.get(&format!("{path}/export?{filter}={id}")));
        }
    }
    assert_eq!(state(api), before);
}

#[test]
fn an_idempotency_key_is_the_tenants_own() {
    let world = unlimited();
    let api = &world.api;
    let body = CONTACTS.body(&world, &world.next());
    for key in [&api.admin, &api.other] {
        let answer =
            api.post("/api/v1/contacts", body.clone()).key(key).header("Idempotency-Key", "k").send().is(201);
        assert_eq!(answer.header("Idempotent-Replayed"), "");
    }
    let change = r#"{"name":"Own"}"#;
    for key in [&api.admin, &api.other] {
        let answer =
            api.put("/api/v1/settings", change).key(key).header("Idempotency-Key", "s").send().is(200);
        assert_eq!(answer.header("Idempotent-Replayed"), "");
    }
}

#[test]
fn one_tenants_requests_are_not_taken_of_anothers() {
    let world = World::new();
    let api = &world.api;
    let left = |key: &str| {
        let answer = api.get("/api/v1/contacts").key(key).send();
        answer.header("X-RateLimit-Remaining").parse::<u32>().unwrap()
    };
    let before = left(&api.other);
    for _ in 0..50 {
        left(&api.admin);
    }
    assert_eq!(left(&api.other), before - 1);
}

#[test]
fn the_feed_of_one_tenant_has_nothing_of_another() {
    let world = unlimited();
    let api = &world.api;
    let feed = |key: &str, from: &str| {
        api.get(&format!("/api/v1/sync/changes?{from}")).key(key).send().is(200).items()
    };
    let ids = foreign_ids(&world);
    for from in ["since=2020-01-01", "after=0"] {
        let own = feed(&api.admin, from);
        assert!(own.iter().all(|entry| !ids.contains(&entry["entityId"].as_str().unwrap().to_owned())));
        assert_eq!(own[0]["id"], 1);
    }
    assert!(feed(&api.admin, "after=1000000").is_empty());
}
