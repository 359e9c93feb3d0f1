//! `/{contacts|companies|deals|activities}/{id}/history`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    resources::{CONTACTS, DEALS, RESOURCES},
    support::{ADA, Api, NOWHERE, World},
};

#[test]
fn a_history_is_told_from_the_newest_change_down() {
    let api = Api::new();
    let path = api.post("/api/v1/contacts", ADA).send().is(201).header("Location").to_owned();
    api.patch(&path, r#"{"title":"Countess","tags":"a,b"}"#).send().is(200);
    api.patch(&path, r#"{"title":"Countess"}"#).send().is(200);
    api.delete(&path).send().is(200);
    let answer = api.get(&format!("{path}/history")).key(&api.reader).send();
    let entry = |id: u8, action: &str, changes: &str| {
        let at = format!("2025-02-01T10:15:00.00000{}Z", id + 4);
        format!(
            r#"{{"id":{id},"action":"{action}","changedAt":"{at}","changedBy":"apikey:admin","changes":{{{changes}}}}}"#
        )
    };
    let deleted = r#""firstName":{"from":"Ada","to":null},"lastName":{"from":"Lovelace","to":null},"email":{"from":"ada@x.example","to":null},"title":{"from":"Countess","to":null},"lifecycleStage":{"from":"lead","to":null},"tags":{"from":"a,b","to":null}"#;
    let updated = r#""title":{"from":null,"to":"Countess"},"tags":{"from":null,"to":"a,b"}"#;
    let created = r#""firstName":{"from":null,"to":"Ada"},"lastName":{"from":null,"to":"Lovelace"},"email":{"from":null,"to":"ada@x.example"},"lifecycleStage":{"from":null,"to":"lead"}"#;
    let entries = [entry(3, "deleted", deleted), entry(2, "updated", updated), entry(1, "inserted", created)];
    assert_eq!((answer.status.as_u16(), &answer.body), (200, &format!("[{}]", entries.join(","))));
    assert_eq!(answer.header("Link"), format!("<{path}/history?offset=0>; rel=\"first\""));
    assert_eq!(answer.body, api.get(&format!("{path}/history").replace("/v1", "")).send().body);
}

#[test]
fn a_deal_tells_of_its_stages_and_of_its_qualification() {
    let world = World::new();
    let deal = world.fill("/api/v1/deals/<deal>");
    world.api.clock.advance(90_500_000);
    world.patch(&format!("{deal}/stage"), &world.fill(r#"{"stageId":"<won>"}"#)).send().is(200);
    world.put(&format!("{deal}/bant"), r#"{"budget":{"rating":3}}"#).send().is(200);
    let answer = world.get(&format!("{deal}/history?limit=2")).send().is(200);
    let [rated, moved] = answer.items().try_into().unwrap();
    assert_eq!(rated["changes"], json!({"bant.budget": {"from": null, "to": {"rating": 3, "notes": null}}}));
    assert_eq!((&rated["secondsInStage"], &moved["secondsInStage"]), (&Value::Null, &json!(90)));
    let expected = json!({
        "stageId": {"from": world.fill("<lead>"), "to": world.fill("<won>")},
        "probability": {"from": 10, "to": 100},
        "status": {"from": "open", "to": "won"},
        "actualCloseDate": {"from": null, "to": moved["changedAt"]},
    });
    assert_eq!(moved["changes"], expected);
}

#[test]
fn links_lead_from_the_newest_change_to_the_creation() {
    let world = World::new();
    for resource in RESOURCES.iter().filter(|resource| resource.history) {
        let record = resource.at(&resource.create(&world, &world.next()).id());
        for number in 2..=7 {
            let change = format!(r#"{{"{}":"Change {number}"}}"#, resource.text.0);
            world.patch(&record, &change).send().is(200);
        }
        let (mut path, mut seen) =
            (format!("{record}/history?limit=3&fields=id,action&count=true"), Vec::new());
        loop {
            let page = world.get(&path).send().is(200);
            assert_eq!(page.header("X-Total-Count"), "7");
            seen.extend(page.items().iter().map(|entry| entry["id"].as_u64().unwrap()));
            let next = page.header("Link").split(", ").find(|link| link.ends_with("rel=\"next\""));
            let Some(next) = next else { break };
            path = next.split(['<', '>']).nth(1).unwrap().to_owned();
            assert!(path.contains("limit=3&fields=id,action&count=true&after="), "{path}");
        }
        assert!(seen.len() == 7 && seen.is_sorted_by(|newer, older| newer > older), "{seen:?}");
        let page = world.get(&format!("{record}/history?limit=3&offset=4&fields=action")).send().is(200);
        let actions = ["updated", "updated", "inserted"].map(|action| json!({"action": action}));
        assert_eq!(page.items(), actions);
        let prev = format!("<{record}/history?limit=3&fields=action&offset=1>; rel=\"prev\"");
        assert!(page.header("Link").ends_with(&prev), "{}", page.header("Link"));
    }
}

#[test]
fn fields_are_exactly_those_named() {
    let world = World::new();
    for (resource, count) in [(CONTACTS, 5), (DEALS, 6)] {
        let path = format!("{}/history", resource.at(&resource.create(&world, &world.next()).id()));
        let whole = world.get(&path).send().is(200).items().remove(0);
        let members = whole.as_object().unwrap();
        assert_eq!(members.len(), count, "{whole}");
        for (name, value) in members {
            let one = world.get(&format!("{path}?fields={name}")).send().is(200);
            assert_eq!(one.value(), json!([{ name.as_str(): value }]));
        }
    }
}

#[test]
fn parameters_that_are_wrong_are_named() {
    let world = World::of(Api::strict());
    let [first, other] = ["1", "2"].map(|number| CONTACTS.create(&world, number).id());
    let path = format!("{}/history", CONTACTS.at(&first));
    let told = |query: &str| world.get(&format!("{path}?{query}")).send().told();
    assert_snapshot!(told("limit=0&offset=-1&count=1&after=x&fields=size&updatedSince=2025-02-01"), @r#"400 validation: after must be the id of a change; count must be true or false; fields names "size", which is not a member; limit must be a whole number from 1 to 100; offset must be a whole number from 0 to 9223372036854775807; updatedSince is not a parameter here"#);
    assert_snapshot!(told("limit=101"), @"400 validation: limit must be a whole number from 1 to 100");
    let others = world.get(&format!("{}/history", CONTACTS.at(&other))).send().items().remove(0);
    for after in [others["id"].to_string(), "0".to_owned(), "999999".to_owned()] {
        let told = told(&format!("after={after}"));
        assert_eq!(told, "400 validation: after must be the id of a change of this record");
    }
    world.get(&format!("{path}?limit=1")).send().is(200);
    world.get(&format!("{path}?limit=100")).send().is(200);
}

#[test]
fn a_deleted_record_is_told_of_to_its_tenant_alone() {
    let world = World::new();
    for resource in RESOURCES.iter().filter(|resource| resource.history) {
        let record = resource.at(&resource.create(&world, &world.next()).id());
        world.api.delete(&record).send().is(200);
        let path = format!("{record}/history");
        let told = world.get(&path).send().is(200).items();
        assert_eq!((&told[0]["action"], &told[0]["changedBy"]), (&json!("deleted"), &json!("apikey:admin")));
        let unknown = resource.at(NOWHERE) + "/history";
        for answer in [world.get(&path).key(&world.api.other).send(), world.get(&unknown).send()] {
            assert_eq!(answer.told(), format!("404 not_found: there is no such {}", resource.one));
        }
        world.get(&path).key("").send().is(401);
    }
}
