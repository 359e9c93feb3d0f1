//! Writes of every resource: bodies that are wrong, versions, repetitions and bulks.

use axum::http::Method;
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{Act, Operation, RESOURCES, Resource, operations};
use crate::support::{World, with};

#[test]
fn a_body_without_what_it_needs_is_told_all_of_it() {
    let world = World::new();
    let mut all = String::new();
    for resource in RESOURCES {
        let count = resource.count(&world);
        for body in ["{}", &format!(r#"{{"{}":7}}"#, resource.text.0), "[]", "", "{\"a\""] {
            all +=
                &format!("{} {body}: {}\n", resource.noun, world.post(&resource.path(), body).send().told());
        }
        assert_eq!(resource.count(&world), count);
    }
    assert_snapshot!(all, @r#"
    contacts {}: 400 validation: email is required; firstName is required; lastName is required
    contacts {"title":7}: 400 validation: email is required; firstName is required; lastName is required; title must be a string
    contacts []: 400 validation: the body must be a JSON object
    contacts : 400 malformed_json: the body is not JSON: EOF while parsing a value at line 1 column 0
    contacts {"a": 400 malformed_json: the body is not JSON: EOF while parsing an object at line 1 column 4
    companies {}: 400 validation: name is required
    companies {"industry":7}: 400 validation: industry must be a string; name is required
    companies []: 400 validation: the body must be a JSON object
    companies : 400 malformed_json: the body is not JSON: EOF while parsing a value at line 1 column 0
    companies {"a": 400 malformed_json: the body is not JSON: EOF while parsing an object at line 1 column 4
    deals {}: 400 validation: name is required; pipelineId is required; stageId is required
    deals {"name":7}: 400 validation: name must be a string; pipelineId is required; stageId is required
    deals []: 400 validation: the body must be a JSON object
    deals : 400 malformed_json: the body is not JSON: EOF while parsing a value at line 1 column 0
    deals {"a": 400 malformed_json: the body is not JSON: EOF while parsing an object at line 1 column 4
    pipelines {}: 400 validation: name is required; stages is required
    pipelines {"name":7}: 400 validation: name must be a string; stages is required
    pipelines []: 400 validation: the body must be a JSON object
    pipelines : 400 malformed_json: the body is not JSON: EOF while parsing a value at line 1 column 0
    pipelines {"a": 400 malformed_json: the body is not JSON: EOF while parsing an object at line 1 column 4
    activities {}: 400 validation: activityType is required; subject is required
    activities {"subject":7}: 400 validation: activityType is required; subject must be a string
    activities []: 400 validation: the body must be a JSON object
    activities : 400 malformed_json: the body is not JSON: EOF while parsing a value at line 1 column 0
    activities {"a": 400 malformed_json: the body is not JSON: EOF while parsing an object at line 1 column 4
    users {}: 400 validation: email is required; name is required
    users {"name":7}: 400 validation: email is required; name must be a string
    users []: 400 validation: the body must be a JSON object
    users : 400 malformed_json: the body is not JSON: EOF while parsing a value at line 1 column 0
    users {"a": 400 malformed_json: the body is not JSON: EOF while parsing an object at line 1 column 4
    webhooks {}: 400 validation: events is required; name is required; url is required
    webhooks {"name":7}: 400 validation: events is required; name must be a string; url is required
    webhooks []: 400 validation: the body must be a JSON object
    webhooks : 400 malformed_json: the body is not JSON: EOF while parsing a value at line 1 column 0
    webhooks {"a": 400 malformed_json: the body is not JSON: EOF while parsing an object at line 1 column 4
    "#);
}

#[test]
fn a_text_has_at_most_the_characters_of_its_limit() {
    let world = World::new();
    for resource in RESOURCES {
        let (member, most) = resource.text;
        let text = |length| with(&resource.body(&world, &world.next()), member, "é".repeat(length));
        let created = world.api.post(&resource.path(), text(most)).send().is(201);
        assert_eq!(created.value()[member], "é".repeat(most));
        let expected = format!("400 validation: {member} must not be longer than {most} characters");
        assert_eq!(world.api.post(&resource.path(), text(most + 1)).send().told(), expected);
        let change = with("{}", member, "é".repeat(most + 1));
        assert_eq!(world.api.patch(&resource.at(&created.id()), change).send().told(), expected);
        assert_eq!(world.get(&resource.at(&created.id())).send().body, created.body);
    }
}

#[test]
fn put_and_patch_lay_members_over_the_record() {
    let world = World::new();
    for resource in RESOURCES {
        for method in [Method::PUT, Method::PATCH] {
            let whole = world.fill(resource.wholes[0]).replace('#', &world.next());
            let before = world.api.post(&resource.path(), whole).send().is(201);
            let change = |body: &str| {
                world.api.ask(method.clone(), &resource.at(&before.id())).json(body.to_owned()).send()
            };
            let unchanged = change("{}").is(200);
            assert_eq!((&unchanged.body, unchanged.header("ETag")), (&before.body, before.header("ETag")));
            let after = change(&with("{}", resource.text.0, "Changed")).is(200);
            assert_eq!(after.header("Location"), "");
            let mut expected = before.value();
            expected[resource.text.0] = json!("Changed");
            if let Some(updated) = expected.get_mut("updatedAt") {
                *updated = after.value()["updatedAt"].clone();
            }
            assert_eq!(after.value(), expected);
            assert_ne!(after.header("ETag"), before.header("ETag"));
        }
    }
}

#[test]
fn null_clears_what_may_be_missing_and_is_refused_for_what_may_not() {
    let world = World::new();
    for resource in RESOURCES {
        let refused = world.post(&resource.path(), "{}").send().value();
        for whole in resource.wholes {
            let sent: Value = serde_json::from_str(whole).unwrap();
            // Without a word a pipeline is not the default one, and that is what was sent.
            for member in sent.as_object().unwrap().keys().filter(|name| *name != "isDefault") {
                let body = world.fill(whole).replace('#', &world.next());
                let record = world.api.post(&resource.path(), body).send().is(201);
                let answer = world.patch(&resource.at(&record.id()), &with("{}", member, Value::Null)).send();
                if refused["errors"].get(member).is_some() {
                    assert_eq!(answer.told(), format!("400 validation: {member} is required"));
                } else {
                    assert_ne!(answer.is(200).value()[member], sent[member], "{member}");
                }
                world.api.delete(&resource.at(&record.id())).send().is(200);
            }
        }
    }
}

#[test]
fn a_deleted_record_is_gone() {
    let world = World::new();
    for resource in RESOURCES {
        let count = resource.count(&world);
        let id = resource.create(&world, "1").id();
        let deleted = world.api.delete(&resource.at(&id)).send().is(200);
        assert_eq!(deleted.body, format!(r#"{{"id":"{id}","deleted":true}}"#));
        for method in [Method::GET, Method::DELETE] {
            let told = world.api.ask(method, &resource.at(&id)).send().told();
            assert_eq!(told, format!("404 not_found: there is no such {}", resource.one));
        }
        assert_eq!(resource.count(&world), count);
    }
}

#[test]
fn a_version_that_is_known_is_not_sent_again() {
    let world = World::new();
    for operation in operations().iter().filter(|operation| operation.act == Act::Get) {
        let case = operation.case(&world);
        let tag = world.get(&case.path).send().is(200).header("ETag").to_owned();
        assert!(tag.starts_with('"'), "{tag}");
        let answer = world.get(&case.path).header("If-None-Match", &tag).send().is(304);
        assert_eq!((answer.body.as_str(), answer.header("ETag")), ("", tag.as_str()));
        world.get(&case.path).header("If-None-Match", "\"1\"").send().is(200);
    }
}

#[test]
fn a_write_may_be_meant_for_one_version() {
    let world = World::new();
    let conditional = [Act::Change, Act::Delete, Act::Upsert];
    for operation in operations().iter().filter(|operation| conditional.contains(&operation.act)) {
        let case = operation.case(&world);
        let before = world.get(&case.record).send().is(200);
        let refused = case.ask(&world).header("If-Match", "\"1\"").send();
        assert_eq!(
            refused.told(),
            "412 precondition_failed: the record is not at this version any more; read it anew"
        );
        assert_eq!(world.get(&case.record).send().body, before.body);
        case.ask(&world).header("If-Match", before.header("ETag")).send().is(200);
    }
}

#[test]
fn whoever_wants_no_record_gets_none() {
    let world = World::new();
    for operation in operations().iter().filter(|operation| !operation.act.is_read()) {
        let answer = operation.case(&world).ask(&world).header("Prefer", "return=minimal").send();
        if operation.act.has_version() {
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""), "{answer}");
            assert_eq!(answer.header("Preference-Applied"), "return=minimal");
            assert_ne!(answer.header("ETag"), "");
            assert_eq!(answer.header("Location").is_empty(), operation.act != Act::Create);
        } else {
            assert_eq!(answer.is(operation.status).header("Preference-Applied"), "");
        }
    }
}

#[test]
fn a_key_makes_every_write_happen_once() {
    let world = World::new();
    for operation in operations().iter().filter(|operation| !operation.act.is_read()) {
        let key = world.next();
        let (mut case, another) = (operation.case(&world), operation.case(&world));
        let first = case.ask(&world).header("Idempotency-Key", &key).send().is(operation.status);
        let feed = || world.get("/api/v1/sync/changes?since=2000-01-01&fields=id").send().body;
        let after_first = feed();
        let again = case.ask(&world).header("Idempotency-Key", &key).send().is(operation.status);
        assert_eq!(again.body, first.body);
        assert_eq!(
            (again.header("ETag"), again.header("Location")),
            (first.header("ETag"), first.header("Location"))
        );
        assert_eq!((first.header("Idempotent-Replayed"), again.header("Idempotent-Replayed")), ("", "true"));
        assert_eq!(feed(), after_first);
        if case.body.is_empty() {
            case.path = another.path;
        } else {
            case.body += " ";
        }
        assert_eq!(
            case.ask(&world).header("Idempotency-Key", &key).send().told(),
            "422 idempotency_mismatch: this idempotency key was used for another request; use a new one"
        );
    }
}

#[test]
fn a_key_is_of_one_tenant() {
    let world = World::new();
    for resource in RESOURCES {
        let own = world
            .post(&resource.path(), &resource.body(&world, "1"))
            .header("Idempotency-Key", resource.noun);
        let foreign = world.fill_foreign(resource.least).replace('#', "1");
        let other = world.api.post(&resource.path(), foreign).key(&world.api.other);
        let other = other.header("Idempotency-Key", resource.noun);
        for answer in [own.send(), other.send()] {
            assert_eq!(answer.is(201).header("Idempotent-Replayed"), "");
        }
    }
}

fn bulk_resources() -> impl Iterator<Item = &'static Resource> {
    RESOURCES.iter().filter(|resource| resource.bulk)
}

#[test]
fn a_bulk_applies_the_good_items_and_an_atomic_one_all_or_none() {
    let world = World::new();
    for resource in bulk_resources() {
        let (bulk, count) = (format!("{}/bulk", resource.path()), resource.count(&world));
        let items = || format!("[{},{{}}]", resource.body(&world, &world.next()));
        let atomic = world.api.post(&format!("{bulk}?atomic=true"), items()).send();
        assert!(atomic.told().starts_with("400 validation: items[1]."), "{atomic}");
        assert_eq!(resource.count(&world), count);
        let answer = world.api.post(&bulk, items()).send().is(200).value();
        assert_eq!((&answer["created"], &answer["failed"]), (&json!(1), &json!(1)));
        let results = answer["results"].as_array().unwrap();
        assert_eq!((&results[0]["index"], &results[0]["status"]), (&json!(0), &json!(201)));
        assert_eq!((&results[1]["index"], &results[1]["status"]), (&json!(1), &json!(400)));
        let refused = world.api.post(&resource.path(), "{}").send().value();
        assert_eq!(results[1]["error"]["errors"], refused["errors"]);
        world.get(&resource.at(results[0]["id"].as_str().unwrap())).send().is(200);
        assert_eq!(resource.count(&world), count + 1);
        let good = format!("[{}]", resource.body(&world, &world.next()));
        world.api.post(&format!("{bulk}?atomic=true"), good).send().is(201);
    }
}

#[test]
fn a_bulk_has_1_to_100_items() {
    let world = World::new();
    for resource in bulk_resources() {
        let items = |count: usize| {
            let items: Vec<String> = (0..count).map(|_| resource.body(&world, &world.next())).collect();
            world.api.post(&format!("{}/bulk", resource.path()), format!("[{}]", items.join(","))).send()
        };
        let count = resource.count(&world);
        for wrong in [0, 101] {
            assert_eq!(items(wrong).told(), "400 validation: items must be 1 to 100");
        }
        assert_eq!(resource.count(&world), count);
        assert_eq!(items(100).is(201).value()["created"], 100);
    }
}

#[test]
fn an_upsert_creates_and_then_updates() {
    let world = World::new();
    for resource in RESOURCES.iter().filter(|resource| resource.upsert) {
        let (path, body) = (format!("{}/upsert", resource.path()), resource.body(&world, &world.next()));
        let created = world.api.put(&path, body.clone()).send().is(201);
        assert_eq!(created.header("Location"), resource.at(&created.id()));
        let updated = world.api.put(&path, with(&body, "notes", "Again")).send().is(200);
        assert_eq!((updated.id(), updated.header("Location")), (created.id(), ""));
        assert_eq!(updated.value()["notes"], "Again");
        let same = world.api.put(&path, body).send().is(200);
        assert_eq!(
            (same.body.as_str(), same.header("ETag")),
            (updated.body.as_str(), updated.header("ETag"))
        );
    }
}

#[test]
fn a_write_that_is_meant_for_no_record_leaves_one_alone() {
    let world = World::new();
    let is_asked = |operation: &&Operation| matches!(operation.act, Act::Change | Act::Delete | Act::Upsert);
    let all = operations();
    let asked: Vec<&Operation> = all.iter().filter(is_asked).collect();
    assert!(asked.len() >= 20, "{}", asked.len());
    for operation in asked {
        let case = operation.case(&world);
        let path = if case.record.contains("settings") { "/api/v1/settings" } else { case.record.as_str() };
        let before = world.get(path).send().is(200);
        let tag = before.header("ETag").to_owned();
        for none in ["*", &tag, &format!("W/{tag}"), &format!("\"a,*,b\", {tag}")] {
            let answer = case.ask(&world).header("If-None-Match", none).send();
            assert_eq!(answer.status, 412, "{} {} {none}", case.method, case.path);
            assert_eq!(answer.value()["code"], "precondition_failed");
            assert_eq!(world.get(path).send().body, before.body);
        }
        let malformed = case.ask(&world).header("If-None-Match", "1a2b").send().told();
        assert_eq!(
            malformed,
            "400 validation: If-None-Match must be *, or entity tags in double quotes that are separated by commas"
        );
        case.ask(&world).header("If-None-Match", "\"1\", \"*\"").send().is(operation.status);
    }
    let key = world.post("/api/v1/api-keys", r#"{"name":"k"}"#).send().is(201).header("Location").to_owned();
    world.patch(&key, r#"{"name":"l"}"#).header("If-None-Match", "*").send().is(412);
    world.delete(&key).header("If-None-Match", "*").send().is(412);
    world.delete(&key).send().is(200);
}

#[test]
fn a_write_that_is_meant_for_no_record_creates_one() {
    let world = World::new();
    for resource in RESOURCES.iter().filter(|resource| resource.upsert) {
        let body = resource.body(&world, "1");
        let upsert = || world.put(&resource.at("upsert"), &body).header("If-None-Match", "*").send();
        let id = upsert().is(201).id();
        upsert().is(412);
        world.delete(&resource.at(&id)).send().is(200);
        world.delete(&resource.at(&id)).header("If-None-Match", "*").send().is(404);
        world.put(&resource.at(&id), "{}").header("If-None-Match", "*").send().is(404);
        upsert().is(201);
    }
}
