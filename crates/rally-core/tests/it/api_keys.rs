use std::sync::Arc;

use rally_core::store::MemoryStore;
use rally_core::{
    ApiKeyDraft, ApiKeyUpdate, Caller, Code, Config, Engine, FeedPosition, FeedQuery, Kind, NewApiKey, Patch,
    Query, Scope, Scopes, Session, TenantId, UserDraft, WriteOptions, WriteOutcome, schema::MintedApiKey,
};
use rally_testkit::{CountingStore, Counts, FaultyStore, WriteFault};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::{
    World, ada, bytes, once, report, tenant, text, told, update_json, value as value_of, with,
};

const LETTERS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LAST_ADMIN: &str =
    "must stay as it is for the tenant's last admin credential that works; make another first";

fn draft(name: &str, scopes: &str) -> ApiKeyDraft {
    ApiKeyDraft::new(name).scopes(scopes.parse::<Scopes>().unwrap())
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
    let zeros = format!("rk_live_{}", "z".repeat(82));
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
    let expires_at = world.engine.clock().now().plus_micros(10_000_000);
    let made = world.acme.api_keys().mint(&draft("short", "read").expires_at(expires_at)).unwrap();
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
    let listed = world.acme.api_keys().list(Query::all()).unwrap();
    assert_eq!(listed.records, [revoked]);
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
    let expires_at = world.engine.clock().now().plus_micros(1_000);
    let expiring = keys.mint(&draft("short", "admin").expires_at(expires_at)).unwrap();
    // More than a page, so that the other admin key is looked for behind it.
    let others: Vec<_> = (0..120).map(|_| mint(&world.acme, "read,write")).collect();
    let first = mint(&world.acme, "admin");
    let second = mint(&world.acme, "read,admin");
    keys.revoke(first.model.id).unwrap();
    world.clock.advance(1_000);
    let error = keys.revoke(second.model.id).unwrap_err();
    assert_eq!(
        error.detail(),
        "isActive must stay as it is for the tenant's last admin credential that works; make another first"
    );
    assert_eq!(
        told(&error),
        ("validation", vec!["isActive must stay as it is for the tenant's last admin credential that works; make another first".to_owned()])
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
        let active = keys.list(Query::all().limit(100)).unwrap().records;
        for other in active.iter().filter(|other| pair.iter().all(|key| key.model.id != other.id)) {
            keys.revoke(other.id).unwrap();
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
    let wrong = bytes(&json!({"name": "", "scopes": "root"}));
    let error = world.acme.api_keys().json().mint(&wrong, &WriteOptions::default()).unwrap_err();
    assert_eq!(told(&error).0, "validation");
    assert_eq!(error.faults().by_member().len(), 2);
}

#[test]
fn the_last_use_is_noted_once_a_minute_and_stays_out_of_the_feed() {
    let world = World::new();
    let made = mint(&world.acme, "read");
    let last_used = || world.acme.api_keys().get(made.model.id).unwrap().last_used_at;
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
    let everything =
        FeedQuery { from: FeedPosition::START, kinds: Kind::ALL.to_vec(), limit: 10, epoch: None };
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
    let elsewhere = there.tenant("acme").unwrap().trusted_session("host").unwrap();
    let last_used = || elsewhere.api_keys().get(made.model.id).unwrap().last_used_at;
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
    session.contacts().create(&ada("a@x.example")).unwrap();
    let changes = session.changes(&FeedQuery {
        from: FeedPosition::START,
        kinds: vec![Kind::Contact],
        limit: 1,
        epoch: None,
    });
    assert_eq!(changes.unwrap()[0].changed_by.as_deref(), Some("apikey:robot"));
}

/// A key of the secret of one, the tenant of another and the id of a third, with the right check digits.
fn assembled(secret: &str, tenant: &str, id: &str) -> String {
    let body = [&secret[..40], &tenant[40..62], &id[62..84]].concat();
    let (mut number, mut check) = (crc32fast::hash(body.as_bytes()), String::new());
    for _ in 0..6 {
        check.insert(0, LETTERS[usize::try_from(number % 62).unwrap()..].chars().next().unwrap());
        number /= 62;
    }
    body + &check
}

#[test]
fn one_wrong_letter_anywhere_is_refused_without_asking_the_store() {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    let key = mint(&world.acme, "read").key;
    store.reset();
    for place in 0..key.len() {
        for letter in LETTERS.chars().filter(|letter| !key[place..].starts_with(*letter)) {
            let mut slip = key.clone();
            slip.replace_range(place..=place, &letter.to_string());
            assert!(refused(&world.engine, &slip), "{slip}");
        }
    }
    assert_eq!(store.counts(), Counts::default());
    assert!(!refused(&world.engine, &key));
}

#[test]
fn a_well_formed_key_of_what_is_unknown_is_refused_in_the_same_words() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    let twin = World::new();
    let never_made = (0..9).map(|_| mint(&twin.acme, "admin").key).next_back().unwrap();
    let (own, second) = (mint(&world.acme, "read").key, mint(&world.acme, "read").key);
    let theirs = mint(&other, "admin").key;
    let nowhere = tenant(&World::on(Arc::new(MemoryStore::new())).engine, "elsewhere");
    assert_eq!(assembled(&own, &own, &own), own);
    let expected = format!("{:?}", world.engine.authenticate("x").unwrap_err());
    for (wrong, what) in [
        (never_made, "an id that no key has"),
        (assembled(&own, &own, &theirs), "the id of another tenant's key"),
        (assembled(&theirs, &own, &theirs), "another tenant's key under this tenant"),
        (assembled(&theirs, &theirs, &own), "this tenant's id in another tenant's key"),
        (assembled(&own, &theirs, &own), "this tenant's key under another tenant"),
        (assembled(&own, &own, &second), "the secret of another key of the tenant"),
        (assembled(&own, &own, &"0".repeat(90)), "no id"),
        (assembled(&own, &"0".repeat(90), &own), "the tenant that is none"),
        (mint(&nowhere, "admin").key, "a tenant that is elsewhere"),
    ] {
        let error = world.engine.authenticate(&wrong).unwrap_err();
        assert_eq!(format!("{error:?}"), expected, "{what}");
    }
    assert!([own, second, theirs].iter().all(|key| !refused(&world.engine, key)));
}

#[test]
fn what_a_key_is_called_and_may_do_can_be_changed_and_its_secret_stays() {
    let world = World::new();
    let keys = world.acme.api_keys();
    let made = mint(&world.acme, "read");
    let end = world.engine.clock().now().plus_micros(1_000_000);
    for (change, member, value) in [
        (json!({"name": " sync "}), "name", json!("sync")),
        (json!({"scopes": "write, read"}), "scopes", json!("write,read")),
        (json!({"scopes": null}), "scopes", json!("read")),
        (json!({"expiresAt": end}), "expiresAt", json!(end)),
        (json!({"expiresAt": null}), "expiresAt", json!(null)),
        (json!({"isActive": null}), "isActive", json!(true)),
        (json!({"isActive": false}), "isActive", json!(false)),
    ] {
        let before = value_of(&keys.json().get(made.model.id).unwrap());
        let written = update_json(keys, made.model.id, &change).unwrap();
        assert_eq!(value_of(&written.record), with(before, &json!({member: value})), "{change}");
        assert_eq!(refused(&world.engine, &made.key), value == json!(false), "{change}");
    }
    let same = ApiKeyUpdate::new().name("sync");
    let unchanged =
        world.without_trace(|| keys.update_with(made.model.id, &same, &WriteOptions::default())).unwrap();
    assert_eq!(unchanged.outcome, WriteOutcome::Unchanged);
}

#[test]
fn a_host_changes_a_key_by_what_it_wants_it_to_be() {
    let world = World::new();
    let keys = world.acme.api_keys();
    let made = mint(&world.acme, "read");
    let end = world.engine.clock().now().plus_micros(1_000_000);
    let update = ApiKeyUpdate::new().name("sync").scopes(Scope::Read | Scope::Write).expires_at(end);
    let changed = keys.update(made.model.id, &update).unwrap();
    assert_eq!((changed.name.as_str(), changed.scopes), ("sync", Scope::Read | Scope::Write));
    assert_eq!((changed.expires_at, changed.is_active), (Some(end), true));
    let cleared = ApiKeyUpdate::new().scopes(Patch::Clear).expires_at(None).is_active(Patch::Clear);
    let changed = keys.update(made.model.id, &cleared).unwrap();
    assert_eq!((changed.scopes, changed.expires_at, changed.is_active), (Scope::Read.into(), None, true));
    let changed = keys.update(made.model.id, &update.is_active(false)).unwrap();
    assert_eq!((changed.expires_at, changed.is_active), (Some(end), false));
    assert_eq!(keys.get(made.model.id).unwrap(), changed);
}

#[test]
fn what_a_change_gets_wrong_is_told_at_once_and_nothing_is_applied() {
    let world = World::new();
    let made = mint(&world.acme, "read");
    let body = json!({"name": null, "scopes": "root", "expiresAt": "soon", "isActive": "no"});
    let error = world.refused(|| update_json(world.acme.api_keys(), made.model.id, &body));
    assert_eq!(error.faults().by_member().len(), 4, "{}", report(&error));
    let writer = world.acme.clone().limited_to(Scope::Write);
    let named = ApiKeyUpdate::new().name("x");
    let error = world.refused(|| writer.api_keys().update(made.model.id, &named));
    assert_eq!((error.code(), error.required_scope()), (Code::Forbidden, Some(Scope::Admin)));
    let other = tenant(&world.engine, "other");
    assert!(other.api_keys().update(made.model.id, &named).unwrap_err().is_not_found());
}

#[test]
fn a_key_that_is_revoked_stays_revoked_and_may_be_renamed() {
    let world = World::new();
    let keys = world.acme.api_keys();
    let made = mint(&world.acme, "read");
    keys.update(made.model.id, &ApiKeyUpdate::new().is_active(true)).unwrap();
    keys.revoke(made.model.id).unwrap();
    for change in [
        ApiKeyUpdate::new().is_active(true),
        ApiKeyUpdate::new().is_active(Patch::Clear),
        ApiKeyUpdate::new().is_active(true).scopes(Scope::Write),
    ] {
        let error = world.refused(|| keys.update(made.model.id, &change));
        assert_eq!(
            report(&error),
            "validation\nisActive must stay false, as a revoked key stays revoked; make another key",
            "{change:?}"
        );
    }
    let renamed = ApiKeyUpdate::new().name("former robot").scopes(Scope::Write).is_active(false);
    assert_eq!(keys.update(made.model.id, &renamed).unwrap().name, "former robot");
    assert!(refused(&world.engine, &made.key));
}

#[test]
fn the_last_admin_credential_that_works_stays_by_whatever_way_it_would_go() {
    let world = World::new();
    let keys = world.acme.api_keys();
    let last = mint(&world.acme, "admin");
    mint(&world.acme, "write");
    let now = world.engine.clock().now();
    keys.mint(&draft("expired", "admin").expires_at(now)).unwrap();
    let revoked = mint(&world.acme, "admin").model.id;
    keys.revoke(revoked).unwrap();
    for (change, member) in [
        (ApiKeyUpdate::new().is_active(false), "isActive"),
        (ApiKeyUpdate::new().scopes(Scope::Read | Scope::Write), "scopes"),
        (ApiKeyUpdate::new().scopes(Patch::Clear), "scopes"),
        (ApiKeyUpdate::new().expires_at(now), "expiresAt"),
        (ApiKeyUpdate::new().expires_at(now.plus_micros(-1)), "expiresAt"),
    ] {
        let error = world.refused(|| keys.update(last.model.id, &change));
        assert_eq!(report(&error), format!("validation\n{member} {LAST_ADMIN}"), "{change:?}");
    }
    assert_eq!(world.refused(|| keys.revoke(last.model.id)).code(), Code::Validation);
    let harmless = ApiKeyUpdate::new().name("x").scopes(Scope::Admin | Scope::Write);
    keys.update(last.model.id, &harmless).unwrap();
    world.refused(|| keys.update(revoked, &ApiKeyUpdate::new().is_active(true)));
    let another = mint(&world.acme, "admin").model.id;
    keys.update(last.model.id, &ApiKeyUpdate::new().scopes(Scope::Read)).unwrap();
    world.refused(|| keys.revoke(another));
}

#[test]
fn a_password_of_an_active_admin_is_a_credential_that_works() {
    let secret = "correct horse battery";
    let olga = || UserDraft::new("o@x.example", "Olga");
    for (user, counts) in [
        (olga().scopes(Scope::Admin).password(secret), true),
        (olga().scopes(Scope::Admin), false),
        (olga().scopes(Scope::Admin).password(secret).is_active(false), false),
        (olga().scopes(Scope::Read | Scope::Write).password(secret), false),
    ] {
        let world = World::new();
        let last = mint(&world.acme, "admin").model.id;
        world.acme.users().create(&user).unwrap();
        assert_eq!(world.acme.api_keys().revoke(last).is_ok(), counts, "{user:?}");
    }
}

#[test]
fn a_new_key_works_whatever_its_draft_says() {
    let body = bytes(&json!({"name": "robot", "isActive": false, "keyPrefix": "x", "createdBy": "x"}));
    let mint = |world: &World| world.acme.api_keys().json().mint(&body, &WriteOptions::default());
    let world = World::new();
    let made = mint(&world).unwrap();
    let key = made.key.unwrap();
    assert!(value_of(&made.written.record)["isActive"] == json!(true) && !refused(&world.engine, &key));
    assert_eq!(value_of(&made.written.record)["keyPrefix"], key[..12]);
    let strict = World::strict();
    let error = strict.refused(|| mint(&strict));
    assert_eq!(
        report(&error),
        "validation\ncreatedBy is read-only\nisActive is read-only\nkeyPrefix is read-only"
    );
}

#[test]
fn a_key_is_made_once_for_an_idempotency_key_and_shown_once() {
    let world = World::new();
    let body = bytes(&json!({"name": "robot"}));
    let mint = |options| world.acme.api_keys().json().mint(&body, &options).unwrap();
    let first = mint(once("k", &body));
    let again = world.without_trace(|| mint(once("k", &body)));
    assert!(again.written.replayed && again.key.is_none());
    assert_eq!(text(&again.written.record), text(&first.written.record));
    assert!(!refused(&world.engine, &first.key.unwrap()));
    assert_ne!(mint(once("l", &body)).written.record.id(), first.written.record.id());
}

#[test]
fn neither_a_key_nor_its_hash_is_shown_or_kept_in_plain() {
    let world = World::new();
    let (body, keys) = (bytes(&json!({"name": "robot", "scopes": "admin"})), world.acme.api_keys());
    let minted: MintedApiKey = keys.json().mint(&body, &once("k", &body)).unwrap();
    let (shown_minted, key) = (format!("{minted:?}"), minted.key.unwrap());
    let session = world.engine.authenticate(&key).unwrap();
    let error = world.refused(|| keys.revoke(minted.written.record.id()));
    let wrong = world.engine.authenticate(&key[..key.len() - 1]).unwrap_err();
    let row = keys.json().get(minted.written.record.id()).unwrap();
    let change = update_json(keys, row.id(), &json!({"name": "x"})).unwrap();
    let lists = [format!("{:?}", keys.list(Query::all())), format!("{:?}", session.audit())];
    let shown = format!(
        "{shown_minted} {:?} {session:?} {error:?} {error} {wrong:?} {wrong} {row:?} {} {:?} {change:?} {lists:?}",
        world.engine,
        text(&row),
        row.read(),
    );
    let digest = Sha256::digest(&key[..62]);
    let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    for secret in [&key, &key[8..40], &key[12..], &hash] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(!shown.contains("secretHash"), "{shown}");
    let stored: Vec<_> =
        [world.acme.tenant().id, TenantId::DIRECTORY].iter().flat_map(|id| world.stored(*id)).collect();
    let holds = |text: &str| {
        let is_there = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        stored.iter().filter(|entry| is_there(&entry.value) || is_there(entry.key.as_bytes())).count()
    };
    assert_eq!((holds(&key), holds(&key[8..40]), holds(&key[12..40])), (0, 0, 0));
    assert_eq!(holds(&hash), 1, "the record alone has the hash");
}
