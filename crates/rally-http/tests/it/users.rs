//! `/users` and what is below it.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    resources::Resource,
    support::{Answer, Api, NOWHERE, World, with},
};

const PATH: &str = "/api/v1/users";
const GRACE: &str =
    r#"{"email":"grace@x.example","name":"Grace Hopper","scopes":"read,write","password":"nanosecond 42"}"#;
const PASSWORD: &str = "nanosecond 42";

#[test]
fn a_user_is_created() {
    let world = World::new();
    assert_snapshot!(world.post(PATH, GRACE).send(), @r#"
    201
    {
      "createdAt": "2025-02-01T10:15:00.000013Z",
      "email": "grace@x.example",
      "id": "0194c101-aca0-700d-8000-00000047537d",
      "isActive": true,
      "name": "Grace Hopper",
      "scopes": "read,write",
      "tenantId": "0194c101-aca0-7000-8000-000000170d32",
      "updatedAt": "2025-02-01T10:15:00.000013Z"
    }
    "#);
    assert_snapshot!(world.post(PATH, r#"{"email":"a@x.example","name":"Ada"}"#).send().is(201).body, @r#"{"id":"0194c101-aca0-700f-8000-000000b64c43","tenantId":"0194c101-aca0-7000-8000-000000170d32","email":"a@x.example","name":"Ada","scopes":"read","isActive":true,"createdAt":"2025-02-01T10:15:00.000015Z","updatedAt":"2025-02-01T10:15:00.000015Z"}"#);
}

/// Neither the password nor what is kept of it, nor that there is such a member.
#[track_caller]
fn tells_no_password(answer: Answer) -> Answer {
    let whole = format!("{:?} {}", answer.headers, answer.body).to_lowercase();
    for secret in [PASSWORD, "password", "argon2", "$v="] {
        assert!(!whole.contains(secret), "{secret}: {answer}");
    }
    answer
}

#[test]
fn a_password_is_in_no_answer() {
    let world = World::new();
    let create = || world.post(PATH, GRACE).header("Idempotency-Key", "k").send();
    let user = tells_no_password(create().is(201));
    tells_no_password(create().is(201));
    let one = format!("{PATH}/{}", user.id());
    let change = with("{}", "password", PASSWORD);
    tells_no_password(world.patch(&one, &change).send().is(200));
    tells_no_password(world.put(&one, &change).header("Prefer", "return=minimal").send().is(204));
    for path in [&one, PATH, &format!("{PATH}?q=grace"), "/api/v1/sync/changes?since=2000-01-01"] {
        tells_no_password(world.get(path).send().is(200));
    }
    let asked = world.get(&format!("{PATH}?q=grace&fields=name,password")).send().is(200);
    assert_eq!(asked.value(), json!([{"name": "Grace Hopper"}]));
    assert_eq!(world.get(&format!("{one}?fields=password")).send().is(200).body, "{}");
    tells_no_password(world.post(PATH, GRACE).send().is(400));
    tells_no_password(world.patch(&one, &with(&change, "email", "x")).send().is(400));
    tells_no_password(world.delete(&one).send().is(200));
}

#[test]
fn a_password_has_12_to_128_characters() {
    let world = World::new();
    let create = |length: usize| {
        let body = with(GRACE, "password", "é".repeat(length));
        world.post(PATH, &with(&body, "email", format!("u{length}@x.example"))).send()
    };
    assert_snapshot!(create(11).told(), @"400 validation: password must be 12 to 128 characters long");
    assert_eq!(create(129).told(), create(11).told());
    assert_eq!(world.get(PATH).send().items().len(), 1);
    create(12).is(201);
    let user = create(128).is(201);
    let short = world.patch(&format!("{PATH}/{}", user.id()), &with("{}", "password", "short")).send();
    assert_eq!(short.told(), create(11).told());
    assert_eq!(world.get(&format!("{PATH}/{}", user.id())).send().body, user.body);
}

#[test]
fn a_taken_email_is_a_duplicate_in_any_letter_case() {
    let world = World::new();
    let first = world.post(PATH, r#"{"email":"A@x.example","name":"a"}"#).send().is(201);
    let other = world.post(PATH, r#"{"email":"b@x.example","name":"b"}"#).send().is(201);
    let created = world.post(PATH, r#"{"email":" a@X.example","name":"c"}"#).send();
    let changed = world.patch(&format!("{PATH}/{}", other.id()), r#"{"email":"a@x.example"}"#).send();
    for refused in [created, changed] {
        assert_eq!(refused.told(), "400 duplicate: email is taken by another user");
        assert_eq!(refused.value()["existingId"], first.id());
    }
    world.api.post(PATH, r#"{"email":"a@x.example","name":"a"}"#).key(&world.api.other).send().is(201);
}

#[test]
fn what_is_wrong_with_a_member_is_told_and_nothing_is_applied() {
    let world = World::new();
    let user = world.post(PATH, r#"{"email":"a@x.example","name":"a"}"#).send().is(201);
    let mut all = String::new();
    for (member, value) in [
        ("email", json!("x")),
        ("name", json!("")),
        ("scopes", json!("read,everything")),
        ("scopes", json!("")),
        ("isActive", json!("yes")),
        ("password", json!(123_456_789_012_u64)),
    ] {
        let told =
            world.patch(&format!("{PATH}/{}", user.id()), &with("{}", member, value.clone())).send().told();
        assert_eq!(
            world.post(PATH, &with(r#"{"email":"n@x.example","name":"n"}"#, member, value)).send().told(),
            told
        );
        all += &format!("{told}\n");
    }
    assert_snapshot!(all, @r#"
    400 validation: email is not an e-mail address
    400 validation: name must not be empty
    400 validation: scopes is wrong: "everything" is not a scope; use read, write or admin
    400 validation: scopes is wrong: "" is not a scope; use read, write or admin
    400 validation: isActive must be true or false
    400 validation: password must be a string
    "#);
    assert_eq!(world.get(PATH).send().items().len(), 2);
    assert_eq!(world.get(&format!("{PATH}/{}", user.id())).send().body, user.body);
}

#[test]
fn the_last_active_admin_stays_one() {
    let world = World::new();
    let add = |email: &str, scopes: &str| {
        let body = with(&with(r#"{"name":"x"}"#, "email", email), "scopes", scopes);
        format!("{PATH}/{}", world.post(PATH, &body).send().is(201).id())
    };
    let (first, _) = (add("a@x.example", "read,admin"), add("b@x.example", "write"));
    let before = world.get(&first).send().body;
    assert_snapshot!(world.delete(&first).send(), @r#"
    400
    {
      "code": "validation",
      "detail": "this is the last active user who is an admin; make another one before you delete it",
      "errors": {
        "scopes": [
          "must not go with the last active user who is an admin"
        ]
      },
      "instance": "/api/v1/users/0194c101-aca0-700d-8000-0000007f8ef8",
      "status": 400,
      "title": "Invalid input",
      "traceId": "t",
      "type": "https://rally.example/problems/validation"
    }
    "#);
    let mut all = String::new();
    for body in [
        r#"{"scopes":"write"}"#,
        r#"{"isActive":false}"#,
        r#"{"scopes":null}"#,
        r#"{"scopes":"read","isActive":false}"#,
    ] {
        all += &format!("{}\n", world.patch(&first, body).send().told());
    }
    assert_snapshot!(all, @"
    400 validation: scopes must stay as it is for the last active user who is an admin
    400 validation: isActive must stay as it is for the last active user who is an admin
    400 validation: scopes must stay as it is for the last active user who is an admin
    400 validation: isActive must stay as it is for the last active user who is an admin
    ");
    assert_eq!(world.get(&first).send().body, before);
    let second = add("c@x.example", "admin");
    world.patch(&second, r#"{"isActive":false}"#).send().is(200);
    world.delete(&first).send().is(400);
    world.patch(&second, r#"{"isActive":true}"#).send().is(200);
    world.delete(&first).send().is(200);
    world.delete(&second).send().is(400);
}

#[test]
fn a_deleted_user_owns_nothing_any_more() {
    let world = World::new();
    let owned = Resource::referring(&world, "ownerId", "<user>");
    assert_eq!(owned.len(), 4, "{owned:?}");
    let deal = owned.iter().find(|path| path.contains("/deals/")).unwrap();
    assert_eq!(world.get(deal).send().value()["ownerName"], "Mary Somerville");
    world.delete(&format!("{PATH}/<user>")).send().is(200);
    for path in &owned {
        let record = world.get(path).send().is(200).value();
        assert_eq!(record["ownerId"], Value::Null, "{path}");
        assert_eq!(record.get("ownerName").unwrap_or(&Value::Null), &Value::Null, "{path}");
    }
}

#[test]
fn users_are_in_no_feed() {
    let world = World::new();
    let before = world.get("/api/v1/sync/changes?since=2000-01-01").send().body;
    world.post(PATH, r#"{"email":"a@x.example","name":"a"}"#).send().is(201);
    assert_eq!(world.get("/api/v1/sync/changes?since=2000-01-01").send().body, before);
}

#[test]
fn the_records_of_a_deleted_user_are_handed_over() {
    let world = World::of(Api::strict());
    let [user, heir] = ["1", "2"].map(|number| {
        let body = format!(r#"{{"email":"owner{number}@x.example","name":"Owner {number}"}}"#);
        world.post(PATH, &body).send().is(201).id()
    });
    let body = format!(r#"{{"name":"Looms","ownerId":"{user}"}}"#);
    let company = format!("/api/v1/companies/{}", world.post("/api/v1/companies", &body).send().is(201).id());
    let delete = |heir: &str| world.api.delete(&format!("{PATH}/{user}?reassignTo={heir}"));
    for (heir, told) in [
        (world.fill_foreign("<user>").as_str(), "400 bad_reference: reassignTo names no user"),
        (NOWHERE, "400 bad_reference: reassignTo names no user"),
        (&user, "400 validation: reassignTo must name another user"),
        ("7", "400 validation: reassignTo is not an id"),
        ("", "400 validation: reassignTo is not an id"),
    ] {
        assert_eq!(delete(heir).send().told(), told, "{heir}");
    }
    let twice = world.api.delete(&format!("{PATH}/{user}?reassignTo={heir}&reassignTo={heir}")).send();
    assert_eq!(twice.told(), "400 validation: reassignTo is given twice");
    assert_eq!(delete(&heir).key(&world.writer).send().told(), "403 forbidden: this needs the scope admin");
    let elsewhere = world.api.delete(&format!("{company}?reassignTo={heir}")).send();
    assert_eq!(elsewhere.told(), "400 validation: reassignTo is not a parameter here");
    let answer = delete(&heir).header("Idempotency-Key", "k").send().is(200);
    assert_eq!(answer.value(), json!({"id": user, "deleted": true}));
    let again = delete(&heir).header("Idempotency-Key", "k").send().is(200);
    assert_eq!(again.header("Idempotent-Replayed"), "true");
    assert_eq!(world.get(&company).send().value()["ownerId"], heir.as_str());
    let entry = world.get(&format!("{company}/history?limit=1")).send().items().remove(0);
    assert_eq!(entry["changes"], json!({"ownerId": {"from": user, "to": heir}}));
    assert_eq!(delete(&heir).send().told(), "404 not_found: there is no such user");
}
