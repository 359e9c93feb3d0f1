//! Who did what to keys, users and settings.

use std::{net::IpAddr, sync::Arc};

use rally_core::{ApiKeyDraft, AuditEntry, Code, Json, Scope, Session, WriteOptions, store::MemoryStore};
use rally_testkit::{FaultyStore, WriteFault};
use serde_json::{Value, json};

use crate::support::{World, add, bytes, create, listed, tenant, update, with};

const SECRET: &str = "correct horse battery";

fn entries(session: &Session) -> Vec<AuditEntry> {
    listed(session.audit(), &[("limit", "100")]).unwrap().rows.iter().map(|row| row.read().unwrap()).collect()
}

/// The entries as what was done, by whom, from where and to which members.
fn lines(session: &Session) -> Vec<String> {
    let line = |entry: AuditEntry| {
        let source = entry.source.unwrap_or_else(|| "here".to_owned());
        [entry.action, entry.actor, source, entry.detail.unwrap_or_default()].join(" | ")
    };
    entries(session).into_iter().map(line).collect()
}

fn user(email: &str) -> Value {
    json!({"email": email, "name": "Olga"})
}

fn settings(session: &Session, body: &Value) {
    session.change_settings(&Json(&bytes(body)), &WriteOptions::default()).unwrap();
}

fn draft() -> ApiKeyDraft {
    ApiKeyDraft { name: "robot".to_owned(), scopes: Some("admin".to_owned()), expires_at: None }
}

#[test]
fn every_act_is_told_with_who_did_it_from_where_and_to_what() {
    let world = World::new();
    let source: IpAddr = "192.0.2.7".parse().unwrap();
    let host = world.acme.clone().called_from(Some("::1".parse().unwrap()));
    let robot = host.api_keys().mint(&draft()).unwrap();
    let by_key = world.engine.authenticate(&robot.key).unwrap().called_from(Some(source));
    let olga =
        add(by_key.users(), &with(user("o@x.example"), &json!({"scopes": "admin", "password": SECRET})));
    let by_user = world.engine.log_in("acme", "o@x.example", SECRET, Some(source)).unwrap();
    update(by_user.users(), olga, &json!({"name": "Oda", "isActive": true, "password": "another battery"}))
        .unwrap();
    let second = by_user.api_keys().mint(&draft()).unwrap().model.id;
    update(by_user.api_keys(), second, &json!({"name": "other", "scopes": "read"})).unwrap();
    by_user.api_keys().revoke(second).unwrap();
    settings(&by_user, &json!({"timezone": "Europe/Berlin", "name": "Acme", "nonsense": 1}));
    world.engine.log_in("acme", " Nobody@x.example", "x", Some(source)).unwrap_err();
    world.engine.log_in("acme", "o@x.example", SECRET, None).unwrap_err();
    let gone = add(host.users(), &user("p@x.example"));
    host.users().delete(gone).unwrap();
    assert_eq!(lines(&world.acme), EXPECTED);
    let targets: Vec<_> = entries(&world.acme).into_iter().map(|entry| entry.target_id).collect();
    let (robot, olga, second, gone) =
        (robot.model.id.as_uuid(), olga.as_uuid(), second.as_uuid(), gone.as_uuid());
    let expected = [robot, olga, olga, second, second, second].map(Some).into_iter();
    let expected: Vec<_> = expected.chain([None, None, None, Some(gone), Some(gone)]).collect();
    assert_eq!(targets, expected);
}

const EXPECTED: [&str; 11] = [
    "apiKey.created | host | ::1 | ",
    "user.created | apikey:robot | 192.0.2.7 | ",
    "user.updated | o@x.example | 192.0.2.7 | name, password",
    "apiKey.created | o@x.example | 192.0.2.7 | ",
    "apiKey.updated | o@x.example | 192.0.2.7 | name, scopes",
    "apiKey.updated | o@x.example | 192.0.2.7 | isActive",
    "settings.updated | o@x.example | 192.0.2.7 | name, timezone",
    "login.failed | authentication | 192.0.2.7 |  Nobody@x.example",
    "login.failed | authentication | here | o@x.example",
    "user.created | host | ::1 | ",
    "user.deleted | host | ::1 | ",
];

#[test]
fn entries_stand_in_the_order_of_the_acts_and_are_found_by_what_they_tell() {
    let world = World::new();
    let first = world.acme.api_keys().mint(&draft()).unwrap().model.id;
    let second = world.acme.api_keys().mint(&draft()).unwrap().model.id;
    world.clock.advance(-5_000_000);
    update(world.acme.api_keys(), first, &json!({"name": "x"})).unwrap();
    let all = entries(&world.acme);
    assert!(all.is_sorted_by_key(|entry| (entry.created_at, entry.id)), "{all:?}");
    assert_eq!(
        all.iter().map(|entry| entry.target_id).collect::<Vec<_>>(),
        [first, second, first].map(|id| Some(id.as_uuid()))
    );
    for (name, value, found) in [
        ("targetId", first.to_string(), 2),
        ("targetId", second.to_string(), 1),
        ("action", "apiKey.created".to_owned(), 2),
        ("action", "apiKey.deleted".to_owned(), 0),
        ("actor", "host".to_owned(), 3),
        ("actor", "nobody".to_owned(), 0),
    ] {
        let page = listed(world.acme.audit(), &[(name, &value)]).unwrap();
        assert_eq!(page.rows.len(), found, "{name}={value}");
    }
}

#[test]
fn an_act_and_its_entry_are_there_both_or_not_at_all() {
    for fault in WriteFault::ALL {
        let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
        let world = World::on(store.clone());
        let (acme, keys) = (world.acme.tenant().id, world.acme.api_keys());
        let key = keys.mint(&draft()).unwrap().model.id;
        let olga = add(world.acme.users(), &user("o@x.example"));
        let acts: [&dyn Fn() -> bool; 4] = [
            &|| keys.mint(&draft()).is_ok(),
            &|| update(keys, key, &json!({"name": "other"})).is_ok(),
            &|| update(world.acme.users(), olga, &json!({"name": "Oda"})).is_ok(),
            &|| world.acme.users().delete(olga).is_ok(),
        ];
        for act in acts {
            let (before, told) = (world.stored(acme), entries(&world.acme).len());
            store.fail_write(0, fault);
            let is_done = act();
            store.heal();
            let has_changed = world.stored(acme) != before;
            assert_eq!(entries(&world.acme).len(), told + usize::from(has_changed), "{fault:?}");
            assert!(has_changed || !is_done, "{fault:?}");
        }
    }
}

#[test]
fn what_is_refused_or_changes_nothing_is_no_act() {
    let world = World::new();
    let keys = world.acme.api_keys();
    let key = keys.mint(&draft()).unwrap().model.id;
    let before = lines(&world.acme);
    update(keys, key, &json!({"name": "robot"})).unwrap();
    keys.revoke(key).unwrap_err();
    create(world.acme.users(), &json!({"email": "x"})).unwrap_err();
    settings(&world.acme, &json!({"timezone": "UTC"}));
    world.engine.authenticate("rk_live_x").unwrap_err();
    world.engine.log_in("nowhere", "o@x.example", "x", None).unwrap_err();
    assert_eq!(lines(&world.acme), before);
}

#[test]
fn everyday_work_is_not_told() {
    let world = World::new();
    add(world.acme.companies(), &json!({"name": "Mills"}));
    let contact = world.add("ada@x.example");
    world.update(contact, json!({"title": "Countess"})).unwrap();
    let deal = world.deal(json!({}));
    update(world.acme.deals(), deal, &json!({"name": "Engine"})).unwrap();
    let won = serde_json::from_value(world.stage("Closed Won")).unwrap();
    world.acme.deals().move_to(deal, won).unwrap();
    add(world.acme.activities(), &json!({"activityType": "note", "subject": "Note"}));
    let pipeline = json!({"name": "Partners", "stages": [{"name": "Met"}]});
    let pipeline = add(world.acme.pipelines(), &pipeline);
    world.acme.pipelines().delete(pipeline).unwrap();
    world.acme.contacts().delete(contact).unwrap();
    assert_eq!(lines(&world.acme), [""; 0]);
}

#[test]
fn each_tenant_has_its_own_and_the_feed_none() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    add(world.acme.users(), &user("o@x.example"));
    settings(&world.acme, &json!({"name": "Acme"}));
    world.engine.log_in("acme", "o@x.example", "x", None).unwrap_err();
    assert_eq!((lines(&world.acme).len(), lines(&other).len()), (3, 0));
    let own = entries(&world.acme).remove(0);
    assert!(other.audit().get(own.id).unwrap_err().is_not_found());
    assert!(
        listed(other.audit(), &[("targetId", &own.target_id.unwrap().to_string())]).unwrap().rows.is_empty()
    );
    assert_eq!(world.acme.last_change().unwrap().0, 0);
}

#[test]
fn the_trail_is_read_by_admins_alone() {
    let world = World::new();
    add(world.acme.users(), &user("o@x.example"));
    let id = entries(&world.acme).remove(0).id;
    let writer = world.acme.clone().limited_to(Scope::Write);
    for error in [listed(writer.audit(), &[]).unwrap_err(), writer.audit().get(id).unwrap_err()] {
        assert_eq!((error.code(), error.required_scope()), (Code::Forbidden, Some(Scope::Admin)));
    }
}

#[test]
fn a_change_that_is_answered_again_is_told_once() {
    let world = World::new();
    let body = bytes(&user("o@x.example"));
    for replayed in [false, true] {
        let written =
            world.acme.users().create_with(&Json(&body), &crate::support::once("k", &body)).unwrap();
        assert_eq!(written.replayed, replayed);
        let put = bytes(&json!({"name": "Acme"}));
        let put = world.acme.change_settings(&Json(&put), &crate::support::once("s", &put)).unwrap();
        assert_eq!(put.replayed, replayed);
    }
    assert_eq!(lines(&world.acme).len(), 2);
}
