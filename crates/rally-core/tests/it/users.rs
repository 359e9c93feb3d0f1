use std::sync::Arc;

use rally_core::{
    ApiKeyDraft, Code, Id, Password, Patch, Profile, Query, Scope, Scopes, User, UserDraft, UserUpdate,
    WriteOptions, WriteOutcome,
    schema::{Fields, Resource},
    store::{MemoryStore, Space},
};
use serde_json::{Value, json};

use crate::support::{World, bytes, create_json, lines, once, report, tenant, text, update_json, with};

const SECRET: &str = "correct horse \"battery\" staple";
/// The space in which records stand.
const RECORD: Space = Space(0x10);

fn user(email: &str) -> UserDraft {
    UserDraft::new(email, "Olga")
}

fn admin(email: &str) -> UserDraft {
    user(email).scopes(Scope::Read | Scope::Admin)
}

fn json_user(email: &str) -> Value {
    json!({"email": email, "name": "Olga"})
}

fn scopes(scope: Scope) -> UserUpdate {
    UserUpdate::new().scopes(Scopes::from(scope))
}

/// Adds a user.
#[track_caller]
fn add(world: &World, draft: &UserDraft) -> Id<User> {
    world.acme.users().create(draft).unwrap().id
}

#[test]
fn a_user_comes_back_with_every_member_in_the_documented_order() {
    let world = World::new();
    let body = json!({"email": "Olga@X.example ", "name": " Olga ", "scopes": "read, write", "isActive": false,
        "password": SECRET});
    let written = create_json(world.acme.users(), &body).unwrap();
    assert_eq!(written.outcome, WriteOutcome::Created);
    insta::assert_snapshot!(lines(&written.record), @r#"
    "id":"0194c101-aca0-7001-8000-0000002bfab5"
    "tenantId":"0194c101-aca0-7000-8000-000000170d32"
    "email":"Olga@X.example"
    "name":"Olga"
    "scopes":"read,write"
    "isActive":false
    "createdAt":"2025-02-01T10:15:00.000001Z"
    "updatedAt":"2025-02-01T10:15:00.000001Z"
    "#);
    let read = world.acme.users().json().get(written.record.id()).unwrap();
    assert_eq!(text(&written.record), text(&read));
}

#[test]
fn a_user_of_what_is_required_is_active_and_may_read() {
    let world = World::new();
    let read = Scopes::from(Scope::Read);
    let olga = world.acme.users().create(&user("o@x.example")).unwrap();
    assert_eq!((olga.scopes, olga.is_active), (read, true));
    let none = UserUpdate::new().scopes(None).is_active(Patch::Clear);
    let id = add(&world, &admin("p@x.example").is_active(false));
    let cleared = world.acme.users().update(id, &none).unwrap();
    assert_eq!((cleared.scopes, cleared.is_active), (read, true));
    let id = add(&world, &admin("q@x.example").is_active(false));
    let body = json!({"scopes": null, "isActive": null});
    let cleared = update_json(world.acme.users(), id, &body).unwrap().record.read().unwrap();
    assert_eq!((cleared.scopes, cleared.is_active), (read, true));
}

#[test]
fn all_faults_of_a_body_are_reported_at_once() {
    let world = World::new();
    let body = json!({"email": "x", "scopes": "read,all", "isActive": "yes", "password": 7});
    let error = world.refused(|| create_json(world.acme.users(), &body));
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
    let users = world.acme.users();
    let id = add(&world, &user("o@x.example"));
    for (length, fits) in [(0, false), (11, false), (12, true), (128, true), (129, false)] {
        let password = "é".repeat(length);
        let update = UserUpdate::new().password(password.as_str());
        if fits {
            let written = users.update_with(id, &update, &WriteOptions::default()).unwrap();
            assert_eq!(written.outcome, WriteOutcome::Updated, "{length}");
            continue;
        }
        let body = json!({"password": password});
        for error in [
            world.refused(|| users.update(id, &update)),
            world.refused(|| users.create(&user("p@x.example").password(password.as_str()))),
            world.refused(|| update_json(users, id, &body)),
            world.refused(|| create_json(users, &with(json_user("p@x.example"), &body))),
        ] {
            assert_eq!(report(&error), "validation\npassword must be 12 to 128 characters long");
        }
    }
}

/// True when bytes have a text in them.
fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_password_is_kept_as_its_hash_and_shown_nowhere() {
    let world = World::new();
    let body = bytes(&with(json_user("o@x.example"), &json!({"password": SECRET})));
    let users = world.acme.users();
    let made = users.json().create(&body, &once("k", &body)).unwrap();
    let again = users.json().create(&body, &once("k", &body)).unwrap();
    assert!(again.replayed);
    users.update(made.record.id(), &UserUpdate::new().password("another horse battery")).unwrap();
    add(&world, &user("p@x.example").password(SECRET));
    let stored = world.stored(world.acme.tenant().id);
    assert!(stored.iter().any(|entry| holds(&entry.value, "$argon2id$")));
    let all: Vec<u8> =
        stored.iter().flat_map(|entry| [entry.key.as_bytes(), &entry.value].concat()).collect();
    for part in ["correct horse", "battery", "another"] {
        assert!(!holds(&all, part), "the store holds {part}");
    }
    let page = users.json().list(&Query::all().into()).unwrap();
    let read = users.json().get(made.record.id()).unwrap();
    for row in [&made.record, &again.record, &read, &page.records[0], &page.records[1]] {
        let shown = format!("{} {row:?} {:?}", text(row), row.read().unwrap());
        assert!(!shown.contains("argon2") && !shown.contains("assword"), "{shown}");
    }
    assert_eq!(Fields::parse(User::model(), "password", Profile::Strict).unwrap_err().by_member().len(), 1);
    let named = Fields::parse(User::model(), "password", Profile::Documented).unwrap();
    let mut json = Vec::new();
    made.record.write_json(&named, &mut json).unwrap();
    assert_eq!(json, b"{}");
}

#[test]
fn neither_drafts_nor_errors_show_a_password() {
    let world = World::new();
    let draft = UserDraft::new("no", "Olga").password(SECRET);
    let update = UserUpdate::new().password(SECRET);
    let wrong = world.refused(|| world.acme.users().create(&draft));
    let short = json!({"password": "horse", "email": "x"});
    let errors = [
        wrong,
        world.refused(|| create_json(world.acme.users(), &short)),
        world.refused(|| world.acme.users().create(&user("x").password("horse"))),
    ];
    let patch = Patch::Set(Password::from(SECRET));
    let shown = format!(
        "{draft:?} {draft:#?} {update:?} {patch:?} {errors:?} {} {} {}",
        errors[0], errors[1], errors[2]
    );
    assert!(!shown.contains("horse") && !shown.contains("argon2"), "{shown}");
    assert!(format!("{draft:?}").contains("password") && format!("{draft:?}").contains("Olga"));
    assert_eq!(format!("{:?}", Password::from(SECRET)), "Password(…)");
}

#[test]
fn the_same_password_twice_has_two_hashes() {
    let world = World::new();
    let hash_of = |email: &str| {
        let before = world.stored(world.acme.tenant().id);
        add(&world, &user(email).password(SECRET));
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
    let (first, second) = (add(&world, &user("O@x.example")), add(&world, &user("p@x.example")));
    for error in [
        world.refused(|| users.create(&user(" o@X.example"))),
        world.refused(|| users.update(second, &UserUpdate::new().email("o@X.EXAMPLE"))),
    ] {
        assert_eq!(report(&error), "duplicate\nemail is taken by another user");
        assert_eq!(error.existing_id(), Some(first.as_uuid()));
    }
    world.add("o@x.example");
    let other = tenant(&world.engine, "other");
    other.users().create(&user("o@x.example")).unwrap();
}

#[test]
fn the_last_active_admin_stays_what_it_is() {
    let world = World::new();
    let users = world.acme.users();
    let first = add(&world, &admin("a@x.example"));
    add(&world, &admin("off@x.example").is_active(false));
    add(&world, &user("w@x.example").scopes(Scopes::from(Scope::Write)));
    let stay = "must stay as it is for the last active user who is an admin";
    for (update, member) in [
        (UserUpdate::new().scopes(Scope::Read | Scope::Write), "scopes"),
        (UserUpdate::new().scopes(None), "scopes"),
        (UserUpdate::new().is_active(false), "isActive"),
        (scopes(Scope::Read).is_active(false), "isActive"),
    ] {
        let error = world.refused(|| users.update(first, &update));
        assert_eq!(report(&error), format!("validation\n{member} {stay}"), "{update:?}");
    }
    let error = world.refused(|| users.delete(first));
    assert_eq!(report(&error), "validation\nscopes must not go with the last active user who is an admin");
    users.update(first, &scopes(Scope::Admin).name("Oda")).unwrap();
    let second = add(&world, &admin("b@x.example"));
    users.update(first, &UserUpdate::new().is_active(false)).unwrap();
    assert!(users.delete(second).is_err());
    users.update(first, &UserUpdate::new().is_active(true)).unwrap();
    users.delete(second).unwrap();
    assert!(users.delete(first).is_err());
}

#[test]
fn a_tenant_without_an_admin_among_its_users_may_delete_them_all() {
    let world = World::new();
    let id = add(&world, &user("o@x.example"));
    world.acme.users().delete(id).unwrap();
}

#[test]
fn a_write_that_changes_nothing_leaves_no_trace() {
    let world = World::new();
    let users = world.acme.users();
    let id = add(&world, &admin("o@x.example").password(SECRET));
    for update in [
        UserUpdate::new(),
        UserUpdate::new().email("o@x.example").name("Olga").scopes(Scope::Read | Scope::Admin),
        UserUpdate::new().is_active(true),
    ] {
        let written = world.without_trace(|| users.update_with(id, &update, &WriteOptions::default()));
        assert_eq!(written.unwrap().outcome, WriteOutcome::Unchanged, "{update:?}");
    }
    for body in [json!({}), json!({"scopes": " read , admin", "isActive": true})] {
        let written = world.without_trace(|| update_json(users, id, &body)).unwrap();
        assert_eq!(written.outcome, WriteOutcome::Unchanged, "{body}");
    }
    mint_admin_key(&world);
    let without = UserUpdate::new().password(None);
    let written = users.update_with(id, &without, &WriteOptions::default()).unwrap();
    assert_eq!(written.outcome, WriteOutcome::Updated);
    assert!(
        !world
            .stored(world.acme.tenant().id)
            .iter()
            .any(|entry| { entry.key.space() == RECORD && holds(&entry.value, "$argon2id$") })
    );
}

#[test]
fn read_only_and_unknown_members_are_passed_over_as_documented_and_refused_when_strict() {
    let body = with(json_user("o@x.example"), &json!({"id": 1, "tenantId": 1, "role": "boss"}));
    let world = World::new();
    create_json(world.acme.users(), &body).unwrap();
    let strict = World::strict();
    let error = strict.refused(|| create_json(strict.acme.users(), &body));
    assert_eq!(report(&error), "validation\nid is read-only\nrole is not a member\ntenantId is read-only");
}

#[test]
fn users_are_read_by_all_and_written_by_admins() {
    let world = World::new();
    let id = add(&world, &user("o@x.example"));
    let writer = world.acme.clone().limited_to(Scope::Write);
    writer.users().get(id).unwrap();
    for error in [
        writer.users().create(&user("p@x.example")).unwrap_err(),
        writer.users().update(id, &UserUpdate::new()).unwrap_err(),
        create_json(writer.users(), &json!({})).unwrap_err(),
        update_json(writer.users(), id, &json!({})).unwrap_err(),
        writer.users().delete(id).unwrap_err(),
    ] {
        assert_eq!((error.code(), error.required_scope()), (Code::Forbidden, Some(Scope::Admin)));
    }
}

#[test]
fn another_tenants_user_is_as_unknown_as_a_random_one() {
    let world = World::new();
    let theirs = add(&world, &user("o@x.example"));
    let other = tenant(&world.engine, "other");
    let errors = |id| {
        let users = other.users();
        [
            users.get(id).unwrap_err(),
            users.update(id, &UserUpdate::new().name("x")).unwrap_err(),
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
    let id = add(&world, &user("o@x.example"));
    world.acme.users().update(id, &UserUpdate::new().name("Oda")).unwrap();
    world.acme.users().delete(id).unwrap();
    assert_eq!(world.acme.last_change().unwrap().0, 0);
}

#[test]
fn a_kept_answer_does_not_keep_the_passwords_hash() {
    let world = World::new();
    let users = world.acme.users();
    let draft = user("o@x.example").password("correct horse battery");
    let written = users.create_with(&draft, &once("k", b"x")).unwrap();
    users.delete(written.record.id).unwrap();
    let stored = world.stored(world.acme.tenant().id);
    assert!(!stored.iter().any(|entry| holds(&entry.value, "argon2id")));
    let again = users.create_with(&draft, &once("k", b"x")).unwrap();
    assert!(again.replayed && again.record == written.record);
    let body = bytes(&with(json_user("o@x.example"), &json!({"password": "correct horse battery"})));
    let written = users.json().create(&body, &once("json", &body)).unwrap();
    users.delete(written.record.id()).unwrap();
    let stored = world.stored(world.acme.tenant().id);
    assert!(!stored.iter().any(|entry| holds(&entry.value, "argon2id")));
    let again = users.json().create(&body, &once("json", &body)).unwrap();
    assert!(again.replayed && text(&again.record) == text(&written.record));
}

fn mint_admin_key(world: &World) {
    let draft = ApiKeyDraft::new("k").scopes(Scopes::from(Scope::Admin));
    world.acme.api_keys().mint(&draft).unwrap();
}

#[test]
fn the_last_credential_of_an_admin_stays_with_its_user() {
    let world = World::new();
    let users = world.acme.users();
    let admin = |email: &str| user(email).scopes(Scopes::from(Scope::Admin));
    let first = add(&world, &admin("o@x.example").password("correct horse battery"));
    add(&world, &admin("p@x.example"));
    let last = "must stay as it is for the tenant's last admin credential that works; make another first";
    for (update, member) in [
        (UserUpdate::new().password(None), "password"),
        (UserUpdate::new().password(Patch::Clear), "password"),
        (UserUpdate::new().is_active(false), "isActive"),
        (scopes(Scope::Write), "scopes"),
    ] {
        let error = world.refused(|| users.update(first, &update));
        assert_eq!(report(&error), format!("validation\n{member} {last}"));
    }
    let error = world.refused(|| update_json(users, first, &json!({"password": null})));
    assert_eq!(report(&error), format!("validation\npassword {last}"));
    assert!(world.refused(|| users.delete(first)).is_invalid());
    mint_admin_key(&world);
    users.update(first, &UserUpdate::new().password(None)).unwrap();
    users.delete(first).unwrap();
}
