//! Two tenants of equal shape: whatever id of one stands in a request of the other, the answer is the one for an id that
//! nothing has, byte for byte, and nothing of the first is touched.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Api, Ask, NOWHERE, Setting, World, with};

/// The body of each record that `World` has, and its members that refer to other records.
const BODIES: [(&str, &str, &[&str]); 4] = [
    ("contacts", r#"{"firstName":"A","lastName":"B","email":"new@x.example"}"#, &["companyId", "ownerId"]),
    ("companies", r#"{"name":"A","domain":"new.example"}"#, &["ownerId"]),
    (
        "deals",
        r#"{"pipelineId":"<pipeline>","stageId":"<lead>","name":"New"}"#,
        &["pipelineId", "stageId", "contactId", "companyId", "ownerId"],
    ),
    (
        "activities",
        r#"{"activityType":"note","subject":"New"}"#,
        &["contactId", "companyId", "dealId", "ownerId"],
    ),
];

const NAMES: [&str; 8] =
    ["<company>", "<contact>", "<user>", "<deal>", "<pipeline>", "<lead>", "<partners>", "<met>"];

/// Two tenants without a limit to their requests.
fn unlimited() -> World {
    let engine = rally_core::Config { requests_per_minute: 0, ..rally_core::Config::default() };
    World::of(Api::with(Setting { engine, ..Setting::default() }))
}

/// All ids that the other tenant has.
fn foreign_ids(world: &World) -> Vec<String> {
    let api = &world.api;
    let ask = |ask: Ask<'_>| ask.key(&api.other).send();
    let mut ids: Vec<String> = NAMES.iter().map(|name| world.fill_foreign(name)).collect();
    ids.push(ask(api.post("/api/v1/activities", BODIES[3].1)).is(201).id());
    for noun in ["api-keys", "audit"] {
        let listed = ask(api.get(&format!("/api/v1/{noun}"))).is(200).items();
        ids.extend(listed.iter().map(|record| record["id"].as_str().unwrap().to_owned()));
    }
    ids
}

/// All that the other tenant can see of itself.
fn state(api: &Api) -> Vec<String> {
    let nouns = [
        "contacts",
        "companies",
        "deals",
        "activities",
        "users",
        "pipelines",
        "api-keys",
        "audit",
        "settings",
    ];
    let lists = nouns.iter().map(|noun| format!("/api/v1/{noun}"));
    let paths = lists.chain(["/api/v1/sync/changes?since=2020-01-01".to_owned()]);
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
            api.ask(method.clone(), &path.replace("{id}", id)).json(body.clone())
        });
        check(&ids, &format!("{method} {path} If-Match"), |id| {
            api.ask(method.clone(), &path.replace("{id}", id)).json(body.clone()).header("If-Match", "*")
        });
    }
    assert_eq!(state(api), before);
}

#[test]
fn a_foreign_id_in_a_body_is_no_id() {
    let world = unlimited();
    let (api, ids) = (&world.api, foreign_ids(&world));
    let before = state(api);
    for (noun, body, members) in BODIES {
        let body = world.fill(body);
        let own = api.post(&format!("/api/v1/{noun}"), body.clone()).send().is(201).id();
        for member in members {
            let path = format!("/api/v1/{noun}");
            let with_id = |id: &str| with(&body.replace("new", "newer"), member, id);
            check(&ids, &format!("POST {path} {member}"), |id| api.post(&path, with_id(id)));
            check(&ids, &format!("PUT {path} {member}"), |id| {
                api.put(&format!("{path}/{own}"), json!({*member: id}).to_string())
            });
            check(&ids, &format!("bulk {path} {member}"), |id| {
                api.post(&format!("{path}/bulk"), format!("[{}]", with_id(id)))
            });
            if noun != "activities" {
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
    for (noun, filters) in [
        ("contacts", &["companyId", "ownerId"][..]),
        ("companies", &["ownerId"]),
        ("deals", &["pipelineId", "stageId", "contactId", "companyId", "ownerId"]),
        ("activities", &["contactId", "companyId", "dealId", "ownerId"]),
        ("audit", &["targetId"]),
    ] {
        for filter in filters {
            check(&ids, &format!("{noun} {filter}"), |id| {
                api.get(&format!("/api/v1/{noun}?{filter}={id}&count=true"))
            });
        }
    }
}

#[test]
fn an_idempotency_key_is_the_tenants_own() {
    let world = unlimited();
    let api = &world.api;
    let body = BODIES[0].1;
    for key in [&api.admin, &api.other] {
        let answer =
            api.post("/api/v1/contacts", body).key(key).header("Idempotency-Key", "k").send().is(201);
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
