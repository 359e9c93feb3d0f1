use std::sync::Arc;

use rally_core::{
    ApiKeyDraft, Code, Fields, Id, Json, ListQuery, Outcome, Password, Patch, Profile, Resource, Scope, User,
    UserChange, UserDraft, store::MemoryStore,
};
use serde_json::{Value, json};

use crate::support::{World, add, bytes, create, lines, once, read, report, tenant, text, update, with};

const SECRET: &str = "correct horse \"battery\" staple";

fn user(email: &str) -> Value {
    json!({"email": email, "name": "Olga"})
}

fn admin(email: &str) -> Value {
    with(user(email), &json!({"scopes": "read,admin"}))
}

#[test]
fn a_user_comes_back_with_every_member_in_the_documented_order() {
    let world = World::new();
    let body = json!({"email": "Olga@X.example ", "name": " Olga ", "scopes": "read, write", "isActive": false,
        "password": SECRET});
    let written = create(world.acme.users(), &body).unwrap();
    assert_eq!(written.outcome, Outcome::Created);
    insta::assert_snapshot!(lines(&written.row), @r#"
    "id":"0194c101-aca0-7001-bafe-ad4166f9e086"
    "tenantId":"0194c101-aca0-7000-b5c3-4c96793872d8"
    "email":"Olga@X.example"
    "name":"Olga"
    "scopes":"read,write"
    "isActive":false
    "createdAt":"2025-02-01T10:15:00.000001Z"
    "updatedAt":"2025-02-01T10:15:00.000001Z"
    "#);
    assert_eq!(text(&written.row), text(&world.acme.users().get(written.row.id()).unwrap()));
}

#[test]
fn a_user_of_what_is_required_is_active_and_may_read() {
    let world = World::new();
    let olga = read(world.acme.users(), add(world.acme.users(), &user("o@x.example")));
    assert_eq!((olga.scopes.as_str(), olga.is_active), ("read", true));
    let id = add(world.acme.users(), &with(admin("p@x.example"), &json!({"isActive": false})));
    let cleared = update(world.acme.users(), id, &json!({"scopes": null, "isActive": null})).unwrap();
    let cleared = cleared.read().unwrap();
    assert_eq!((cleared.scopes.as_str(), cleared.is_active), ("read", true));
}

#[test]
fn all_faults_of_a_body_are_reported_at_once() {
    let world = World::new();
    let body = json!({"email": "x", "scopes": "read,all", "isActive": "yes", "password": 7});
    let error = world.refused(|| create(world.acme.users(), &body));
    insta::assert_snapshot!(report(&error), @r#"
    validation
    email is not an e-mail address
    isActive must be true or false
    name is required
    password must be a string
    scopes is wrong: "all" is not a scope; use read, write or admin
    "#);
}

#[test]
fn a_password_has_12_to_128_characters() {
    let world = World::new();
    let id = add(world.acme.users(), &user("o@x.example"));
    for (length, fits) in [(0, false), (11, false), (12, true), (128, true), (129, false)] {
        let body = json!({"password": "é".repeat(length)});
        if fits {
            assert_eq!(update(world.acme.users(), id, &body).unwrap().outcome, Outcome::Updated, "{length}");
            continue;
        }
        for error in [
            world.refused(|| update(world.acme.users(), id, &body)),
            world.refused(|| create(world.acme.users(), &with(user("p@x.example"), &body))),
        ] {
            assert_eq!(report(&error), "validation\npassword must be 12 to 128 characters long");
        }
    }
}

/// Whether bytes have others in them.
fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_password_is_kept_as_its_hash_and_shown_nowhere() {
    let world = World::new();
    let body = bytes(&with(user("o@x.example"), &json!({"password": SECRET})));
    let users = world.acme.users();
    let made = users.create_with(&Json(&body), &once("k", &body)).unwrap();
    let again = users.create_with(&Json(&body), &once("k", &body)).unwrap();
    assert!(again.replayed);
    update(users, made.row.id(), &json!({"password": "another horse battery"})).unwrap();
    let stored = world.stored(world.acme.tenant().id);
    assert!(stored.iter().any(|entry| holds(&entry.value, "$argon2id$")));
    let all: Vec<u8> =
        stored.iter().flat_map(|entry| [entry.key.as_bytes(), &entry.value].concat()).collect();
    for part in ["correct horse", "battery", "another"] {
        assert!(!holds(&all, part), "the store holds {part}");
    }
    let page = users.list(&ListQuery::default()).unwrap();
    for row in [&made.row, &again.row, &users.get(made.row.id()).unwrap(), &page.rows[0]] {
        let shown = format!("{} {row:?} {:?}", text(row), row.read().unwrap());
        assert!(!shown.contains("argon2") && !shown.contains("assword"), "{shown}");
    }
    assert_eq!(Fields::parse(User::model(), "password", Profile::Strict).unwrap_err().by_member().len(), 1);
    let named = Fields::parse(User::model(), "password", Profile::Documented).unwrap();
    let mut json = Vec::new();
    made.row.write_json(&named, &mut json).unwrap();
    assert_eq!(json, b"{}");
}

#[test]
fn neither_drafts_nor_errors_show_a_password() {
    let world = World::new();
    let draft = UserDraft {
        email: "no".into(),
        name: "Olga".into(),
        password: Some(SECRET.into()),
        ..UserDraft::default()
    };
    let change = UserChange { password: Patch::Set(SECRET.into()), ..UserChange::default() };
    let wrong = world.refused(|| world.acme.users().create(&draft));
    let short = json!({"password": "horse", "email": "x"});
    let errors = [wrong, world.refused(|| create(world.acme.users(), &short))];
    let shown =
        format!("{draft:?} {change:?} {:?} {errors:?} {} {}", Password::from(SECRET), errors[0], errors[1]);
    assert!(!shown.contains("horse") && !shown.contains("argon2"), "{shown}");
    assert_eq!(format!("{:?}", Password::from(SECRET)), "Password(…)");
}

#[test]
fn the_same_password_twice_has_two_hashes() {
    let world = World::new();
    let hash_of = |email: &str| {
        let before = world.stored(world.acme.tenant().id);
        add(world.acme.users(), &with(user(email), &json!({"password": SECRET})));
        let stored = world.stored(world.acme.tenant().id);
        let new = stored.into_iter().filter(|entry| !before.contains(entry));
        let row = new.map(|entry| entry.value).find(|value| holds(value, "$argon2id$")).unwrap();
        let start = row.windows(10).position(|window| window == b"$argon2id$").unwrap();
        row[start..start + 90].to_vec()
    };
    assert_ne!(hash_of("a@x.example"), hash_of("b@x.example"));
}

#[test]
fn an_email_is_unique_whatever_its_case() {
    let world = World::new();
    let users = world.acme.users();
    let (first, second) = (add(users, &user("O@x.example")), add(users, &user("p@x.example")));
    for error in [
        world.refused(|| create(users, &user(" o@X.example"))),
        world.refused(|| update(users, second, &user("o@X.EXAMPLE"))),
    ] {
        assert_eq!(report(&error), "duplicate\nemail is taken by another user");
        assert_eq!(error.existing_id(), Some(first.as_uuid()));
    }
    world.add("o@x.example");
    let other = tenant(&world.engine, "other");
    add(other.users(), &user("o@x.example"));
}

#[test]
fn the_last_active_admin_stays_what_it_is() {
    let world = World::new();
    let users = world.acme.users();
    let first = add(users, &admin("a@x.example"));
    add(users, &with(admin("off@x.example"), &json!({"isActive": false})));
    add(users, &with(user("w@x.example"), &json!({"scopes": "write"})));
    let stay = "must stay as it is for the last active user who is an admin";
    for (body, member) in [
        (json!({"scopes": "read,write"}), "scopes"),
        (json!({"scopes": null}), "scopes"),
        (json!({"isActive": false}), "isActive"),
        (json!({"isActive": false, "scopes": "read"}), "isActive"),
    ] {
        let error = world.refused(|| update(users, first, &body));
        assert_eq!(report(&error), format!("validation\n{member} {stay}"), "{body}");
    }
    let error = world.refused(|| users.delete(first));
    assert_eq!(report(&error), "validation\nscopes must not go with the last active user who is an admin");
    update(users, first, &json!({"scopes": "admin", "name": "Oda"})).unwrap();
    let second = add(users, &admin("b@x.example"));
    update(users, first, &json!({"isActive": false})).unwrap();
    assert!(users.delete(second).is_err());
    update(users, first, &json!({"isActive": true})).unwrap();
    users.delete(second).unwrap();
    assert!(users.delete(first).is_err());
}

#[test]
fn a_tenant_without_an_admin_among_its_users_may_delete_them_all() {
    let world = World::new();
    let id = add(world.acme.users(), &user("o@x.example"));
    world.acme.users().delete(id).unwrap();
}

#[test]
fn a_write_that_changes_nothing_leaves_no_trace() {
    let world = World::new();
    let id = add(world.acme.users(), &with(admin("o@x.example"), &json!({"password": SECRET})));
    for body in [json!({}), admin("o@x.example"), json!({"scopes": " read , admin", "isActive": true})] {
        let written = world.without_trace(|| update(world.acme.users(), id, &body)).unwrap();
        assert_eq!(written.outcome, Outcome::Unchanged, "{body}");
    }
    mint_admin_key(&world);
    assert_eq!(update(world.acme.users(), id, &json!({"password": null})).unwrap().outcome, Outcome::Updated);
    assert!(
        !world.stored(world.acme.tenant().id).iter().any(|entry| {
            entry.key.space() == record_space(&world, id) && holds(&entry.value, "$argon2id$")
        })
    );
}

/// The space in which a record stands.
fn record_space(world: &World, id: Id<User>) -> rally_core::store::Space {
    let stored = world.stored(world.acme.tenant().id);
    let record = stored.iter().find(|entry| entry.key.as_bytes().ends_with(id.as_uuid().as_bytes())).unwrap();
    record.key.space()
}

#[test]
fn read_only_and_unknown_members_are_passed_over_as_documented_and_refused_when_strict() {
    let body = with(user("o@x.example"), &json!({"id": 1, "tenantId": 1, "role": "boss"}));
    let world = World::new();
    add(world.acme.users(), &body);
    let strict = World::strict();
    let error = strict.refused(|| create(strict.acme.users(), &body));
    assert_eq!(report(&error), "validation\nid is read-only\nrole is not a member\ntenantId is read-only");
}

#[test]
fn users_are_read_by_all_and_written_by_admins() {
    let world = World::new();
    let id = add(world.acme.users(), &user("o@x.example"));
    let writer = world.acme.clone().limited_to(Scope::Write);
    writer.users().get(id).unwrap();
    for error in [
        create(writer.users(), &user("p@x.example")).unwrap_err(),
        update(writer.users(), id, &json!({})).unwrap_err(),
        writer.users().delete(id).unwrap_err(),
    ] {
        assert_eq!((error.code(), error.required_scope()), (Code::Forbidden, Some(Scope::Admin)));
    }
}

#[test]
fn another_tenants_user_is_as_unknown_as_a_random_one() {
    let world = World::new();
    let theirs = add(world.acme.users(), &user("o@x.example"));
    let other = tenant(&world.engine, "other");
    let errors = |id| {
        let users = other.users();
        [
            users.get(id).unwrap_err(),
            update(users, id, &json!({"name": "x"})).unwrap_err(),
            users.delete(id).unwrap_err(),
        ]
        .map(|error| format!("{error:?}"))
    };
    let random = "0191e3a2-9f00-7abc-8def-0123456789ab".parse().unwrap();
    assert_eq!(world.without_trace(|| errors(theirs)), errors(random));
}

#[test]
fn a_users_writes_stand_in_no_feed() {
    let world = World::on(Arc::new(MemoryStore::new()));
    let id = add(world.acme.users(), &user("o@x.example"));
    update(world.acme.users(), id, &json!({"name": "Oda"})).unwrap();
    world.acme.users().delete(id).unwrap();
    assert_eq!(world.acme.last_change().unwrap().0, 0);
}

#[test]
fn a_kept_answer_does_not_keep_the_passwords_hash() {
    let world = World::new();
    let body = bytes(&with(user("o@x.example"), &json!({"password": "correct horse battery"})));
    let written = world.acme.users().create_with(&Json(&body), &once("k", &body)).unwrap();
    world.acme.users().delete(written.row.id()).unwrap();
    let stored = world.stored(world.acme.tenant().id);
    assert!(!stored.iter().any(|entry| entry.value.windows(8).any(|bytes| bytes == b"argon2id")));
    let replayed = world.acme.users().create_with(&Json(&body), &once("k", &body)).unwrap();
    assert!(replayed.replayed && text(&replayed.row) == text(&written.row));
}

fn mint_admin_key(world: &World) {
    let draft = ApiKeyDraft { name: "k".into(), scopes: Some("admin".into()), ..ApiKeyDraft::default() };
    world.acme.api_keys().mint(&draft).unwrap();
}

#[test]
fn the_last_credential_of_an_admin_stays_with_its_user() {
    let world = World::new();
    let body = |email: &str, more: Value| with(with(user(email), &json!({"scopes": "admin"})), &more);
    let first = add(world.acme.users(), &body("o@x.example", json!({"password": "correct horse battery"})));
    add(world.acme.users(), &body("p@x.example", json!({})));
    let last = "must stay as it is for the tenant's last admin credential that works; make another first";
    for (change, member) in [
        (json!({"password": null}), "password"),
        (json!({"isActive": false}), "isActive"),
        (json!({"scopes": "write"}), "scopes"),
    ] {
        let error = world.refused(|| update(world.acme.users(), first, &change));
        assert_eq!(report(&error), format!("validation\n{member} {last}"));
    }
    assert!(world.refused(|| world.acme.users().delete(first)).is_invalid());
    mint_admin_key(&world);
    update(world.acme.users(), first, &json!({"password": null})).unwrap();
    world.acme.users().delete(first).unwrap();
}
