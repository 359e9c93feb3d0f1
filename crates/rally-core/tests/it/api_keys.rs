use std::sync::Arc;

use rally_core::store::MemoryStore;
use rally_core::{
    ApiKeyDraft, Caller, Code, Config, Engine, FeedFrom, FeedQuery, Kind, ListQuery, NewApiKey, Scope,
    Session,
};
use rally_testkit::{FaultyStore, WriteFault};
use serde_json::json;

use crate::support::{World, tenant, told};

fn draft(name: &str, scopes: &str) -> ApiKeyDraft {
    ApiKeyDraft { name: name.to_owned(), scopes: Some(scopes.to_owned()), expires_at: None }
}

fn mint(session: &Session, scopes: &str) -> NewApiKey {
    session.api_keys().mint(&draft("robot", scopes)).unwrap()
}

fn refused(engine: &Engine, key: &str) -> bool {
    engine.authenticate(key).is_err_and(|error| error.code() == Code::Unauthorized)
}

#[test]
fn a_key_opens_its_own_tenant_with_its_highest_scope() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    for (scopes, scope) in [("read", Scope::Read), ("read,write", Scope::Write), ("admin", Scope::Admin)] {
        let made = mint(&other, scopes);
        let session = world.engine.authenticate(&made.key).unwrap();
        assert_eq!((session.tenant().slug.as_str(), session.scope()), ("other", scope));
        assert!(matches!(session.caller(), Caller::ApiKey { name, .. } if name == "robot"));
        assert_eq!(session.caller().to_string(), "apikey:robot");
    }
}

#[test]
fn a_key_looks_as_documented_and_is_kept_only_as_a_hash() {
    let world = World::new();
    let made = mint(&world.acme, "read");
    assert!(made.key.starts_with("rk_live_") && made.key.len() >= 8 + 32, "{}", made.key);
    assert_eq!(made.model.key_prefix, made.key[..12]);
    assert!(!format!("{made:?}").contains(&made.key));
    let stored = format!("{:?}", world.engine);
    assert!(!stored.contains(&made.key[8..]));
    assert_ne!(made.key, mint(&world.acme, "read").key);
}

#[test]
fn anything_else_is_refused_in_the_same_words() {
    let world = World::new();
    let key = mint(&world.acme, "read").key;
    let swapped: String = key.replace("rk_live_", "rk_test_");
    let mut other = key.clone();
    other.replace_range(8..9, if key[8..9] == *"a" { "b" } else { "a" });
    let zeros = format!("rk_live_{}", "z".repeat(54));
    for wrong in
        ["", "rk_live_", "x", &key[1..], &key[..key.len() - 1], &format!("{key}x"), &swapped, &other, &zeros]
    {
        let error = world.engine.authenticate(wrong).unwrap_err();
        assert_eq!(error.code(), Code::Unauthorized);
        assert_eq!(error.detail(), "the API key or token is missing, unknown, expired or revoked");
    }
}

#[test]
fn a_key_stops_working_when_it_expires() {
    let world = World::new();
    let expires_at = Some(world.engine.clock().now().plus_micros(10_000_000));
    let made = world.acme.api_keys().mint(&ApiKeyDraft { expires_at, ..draft("short", "read") }).unwrap();
    world.clock.advance(9_999_999);
    assert!(!refused(&world.engine, &made.key));
    world.clock.advance(1);
    assert!(refused(&world.engine, &made.key));
}

#[test]
fn a_revoked_key_is_unknown_at_once_on_every_server_of_the_store() {
    let store = Arc::new(MemoryStore::new());
    let world = World::on(store.clone());
    let there = Engine::with(store, rally_testkit::environment(8).0, Config::default());
    let made = mint(&world.acme, "read,write");
    assert!(!refused(&world.engine, &made.key) && !refused(&there, &made.key));
    let revoked = world.acme.api_keys().revoke(made.model.id).unwrap();
    assert!(refused(&world.engine, &made.key) && refused(&there, &made.key));
    assert_eq!((revoked.id, revoked.is_active), (made.model.id, false));
    assert_eq!((&revoked.name, &revoked.scopes), (&made.model.name, &made.model.scopes));
    assert_eq!(world.acme.api_keys().revoke(made.model.id).unwrap(), revoked);
    let listed = world.acme.api_keys().list(&ListQuery::default()).unwrap();
    let [row] = &listed.rows[..] else { panic!("{listed:?}") };
    assert_eq!(row.read().unwrap(), revoked);
}

#[test]
fn what_is_no_key_of_the_tenant_cannot_be_revoked_nor_by_less_than_an_admin() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    let made = mint(&other, "read");
    assert!(world.acme.api_keys().revoke(made.model.id).unwrap_err().is_not_found());
    let writer = other.clone().limited_to(Scope::Write);
    let error = writer.api_keys().revoke(made.model.id).unwrap_err();
    assert_eq!((error.code(), error.required_scope()), (Code::Forbidden, Some(Scope::Admin)));
    assert!(!refused(&world.engine, &made.key));
}

#[test]
fn the_last_admin_key_that_works_cannot_be_revoked() {
    let world = World::new();
    let keys = world.acme.api_keys();
    let expires_at = Some(world.engine.clock().now().plus_micros(1_000));
    let expiring = keys.mint(&ApiKeyDraft { expires_at, ..draft("short", "admin") }).unwrap();
    // More than a page, so that the other admin key is looked for behind it.
    let others: Vec<_> = (0..120).map(|_| mint(&world.acme, "read,write")).collect();
    let first = mint(&world.acme, "admin");
    let second = mint(&world.acme, "read,admin");
    keys.revoke(first.model.id).unwrap();
    world.clock.advance(1_000);
    let error = keys.revoke(second.model.id).unwrap_err();
    assert_eq!(
        error.detail(),
        "this is the tenant's last admin key that works; make another before you revoke it"
    );
    assert_eq!(
        told(&error),
        ("validation", vec!["isActive must stay true for the tenant's last admin key that works".to_owned()])
    );
    assert!(!refused(&world.engine, &second.key));
    for harmless in [&expiring, &others[0], &first] {
        assert!(!keys.revoke(harmless.model.id).unwrap().is_active);
    }
    let third = mint(&world.acme, "admin");
    keys.revoke(second.model.id).unwrap();
    assert!(keys.revoke(third.model.id).unwrap_err().is_invalid());
}

#[test]
fn of_two_admins_who_revoke_each_other_one_stays() {
    let world = World::new();
    for _ in 0..20 {
        let pair = [mint(&world.acme, "admin"), mint(&world.acme, "admin")];
        let keys = world.acme.api_keys();
        let active = keys.list(&ListQuery { limit: 100, ..ListQuery::default() }).unwrap().rows;
        for row in active.iter().filter(|row| pair.iter().all(|key| key.model.id != row.id())) {
            keys.revoke(row.id()).unwrap();
        }
        let done = std::thread::scope(|scope| {
            let threads = pair.each_ref().map(|key| scope.spawn(|| keys.revoke(key.model.id).is_ok()));
            threads.map(|thread| thread.join().unwrap())
        });
        assert!(done[0] != done[1], "{done:?}");
    }
}

#[test]
fn nobody_makes_a_key_without_the_admin_scope_or_with_wrong_members() {
    let world = World::new();
    let writer = world.acme.clone().limited_to(Scope::Write);
    let error = writer.api_keys().mint(&draft("robot", "read")).unwrap_err();
    assert_eq!((error.code(), error.required_scope()), (Code::Forbidden, Some(Scope::Admin)));
    let error = world.acme.api_keys().mint(&draft("", "root")).unwrap_err();
    assert_eq!(told(&error).0, "validation");
    assert_eq!(error.faults().by_member().len(), 2);
}

#[test]
fn the_last_use_is_noted_once_a_minute_and_stays_out_of_the_feed() {
    let world = World::new();
    let made = mint(&world.acme, "read");
    let last_used = || world.acme.api_keys().get(made.model.id).unwrap().read().unwrap().last_used_at;
    let use_it = || world.engine.authenticate(&made.key).unwrap().note_use().unwrap();
    assert_eq!(last_used(), None);
    let start = world.engine.clock().now();
    use_it();
    assert_eq!(last_used(), Some(start));
    world.clock.advance(59_999_999);
    use_it();
    assert_eq!(last_used(), Some(start));
    world.clock.advance(1);
    use_it();
    assert_eq!(last_used(), Some(start.plus_micros(60_000_000)));
    let everything = FeedQuery { from: FeedFrom::After(0), kinds: Kind::ALL.to_vec(), limit: 10 };
    assert!(world.acme.changes(&everything).unwrap().is_empty());
}

#[test]
fn the_last_use_is_seen_and_noted_by_every_server_of_the_store() {
    let store = Arc::new(MemoryStore::new());
    let world = World::on(store.clone());
    let (environment, clock) = rally_testkit::environment(8);
    let there = Engine::with(store, environment, Config::default());
    let made = mint(&world.acme, "read");
    world.engine.authenticate(&made.key).unwrap().note_use().unwrap();
    let elsewhere = there.trusted_session("acme", "host").unwrap();
    let last_used = || elsewhere.api_keys().get(made.model.id).unwrap().read().unwrap().last_used_at;
    assert_eq!(last_used(), Some(world.engine.clock().now()));
    assert!(!there.authenticate(&made.key).unwrap().has_unnoted_use());
    clock.advance(60_000_000);
    there.authenticate(&made.key).unwrap().note_use().unwrap();
    assert_eq!(last_used(), Some(there.clock().now()));
}

#[test]
fn a_use_that_cannot_be_noted_is_tried_once_a_minute_only() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    let made = mint(&world.acme, "read");
    let session = world.engine.authenticate(&made.key).unwrap();
    store.fail_write(0, WriteFault::Unavailable);
    assert!(session.note_use().unwrap_err().is_unavailable());
    store.fail_write(0, WriteFault::Unavailable);
    for _ in 0..10 {
        world.engine.authenticate(&made.key).unwrap().note_use().unwrap();
    }
}

#[test]
fn changes_name_the_key_that_made_them() {
    let world = World::new();
    let session = world.engine.authenticate(&mint(&world.acme, "write").key).unwrap();
    let body =
        serde_json::to_vec(&json!({"firstName": "A", "lastName": "B", "email": "a@x.example"})).unwrap();
    session.contacts().create(&rally_core::Json(&body)).unwrap();
    let changes =
        session.changes(&FeedQuery { from: FeedFrom::After(0), kinds: vec![Kind::Contact], limit: 1 });
    assert_eq!(changes.unwrap()[0].changed_by.as_deref(), Some("apikey:robot"));
}
